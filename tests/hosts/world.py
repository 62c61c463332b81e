"""Eleven hosts: a balancer, two webs, three workers, two of each database, and a third Sentinel."""

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.load import PAGES, Target
from tests.faults.postgres import Postgres, application_url
from tests.faults.processes import Process, is_listening, wait_until
from tests.faults.valkey import Sentinel, Valkey
from tests.faults.world import (
    World,
    make_environment,
    make_meta,
    make_web,
    make_worker,
    plant_accounts,
)
from tests.hosts.balancer import Balancer
from tests.hosts.network import Host, Network
from tests.support.app import PAGE_TOKEN

POSTGRES_PORT, VALKEY_PORT, SENTINEL_PORT = 5432, 6379, 26379
WEB_PORT, META_PORT = 8000, 5001
# A server that nobody reaches any more must let go of what its lost clients held: their locks.
NOTICE_LOST_CLIENTS = {
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "7000",
    "wal_sender_timeout": "5000",
}


@dataclass
class Hosts(World):
    """A world spread over several hosts."""

    network: Network = field(kw_only=True)
    webs: dict[str, Process] = field(default_factory=dict, kw_only=True)
    workers: dict[str, Process] = field(default_factory=dict, kw_only=True)
    sentinels: list[Sentinel] = field(default_factory=list, kw_only=True)

    def host(self, name: str) -> Host:
        return self.network.hosts[name]

    def master_address(self) -> str | None:
        """Return which Valkey the Sentinels say is the master; None where too few of them agree."""
        found = [each.master_address() for each in self.sentinels if each.answers]
        address, count = Counter(found).most_common(1)[0] if found else (None, 0)
        return address if count * 2 > len(self.sentinels) else None


@contextlib.contextmanager
def run_hosts() -> Iterator[Hosts]:
    """Start everything, each on its host; end it, and take the hosts away."""
    folder = Path(tempfile.mkdtemp(prefix="messenger-hosts-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        yield build_hosts(folder, stack)
    if "KEEP_FAULTS" not in os.environ:
        shutil.rmtree(folder, ignore_errors=True)


def build_hosts(folder: Path, stack: contextlib.ExitStack) -> Hosts:
    network = Network(stack)
    postgres, replica = start_databases(network, folder, stack)
    valkey, sentinels, redis_url = start_valkeys(network, folder, stack)
    balancer_host = network.add_host("balancer")
    target = Target(balancer_host.address, WEB_PORT)
    environment = make_environment(
        application_url(postgres, replica), redis_url, f"http://{network.address}:{META_PORT}"
    )
    meta = make_meta(folder, META_PORT, target, host=network.address)
    webs = {
        name: make_web(
            folder,
            Target(network.add_host(name).address, WEB_PORT),
            environment,
            name=name,
            within=network.hosts[name].within,
        )
        for name in ("web1", "web2")
    }
    workers = {
        name: make_worker(folder, environment, name=name, within=network.add_host(name).within)
        for name in ("worker1", "worker2", "worker3")
    }
    balancer = Balancer(
        balancer_host, WEB_PORT, [(network.hosts[name], WEB_PORT) for name in webs], folder
    )
    hosts = Hosts(
        folder,
        postgres,
        valkey,
        webs["web1"],
        workers["worker1"],
        meta,
        target,
        replica,
        network=network,
        webs=webs,
        workers=workers,
        sentinels=sentinels,
    )
    tokens = dict.fromkeys(PAGES, PAGE_TOKEN)
    hosts.account_ids = plant_accounts(application_url(postgres), valkey.url, tokens)
    for process in (meta, balancer.process, *webs.values(), *workers.values()):
        stack.callback(process.kill)
    for process in (meta, *webs.values(), *workers.values()):
        process.start()
    for name in webs:
        address = network.hosts[name].address
        wait_until(lambda address=address: is_listening(address, WEB_PORT), f"{name} answers")
    balancer.start()
    return hosts


def start_databases(
    network: Network, folder: Path, stack: contextlib.ExitStack
) -> tuple[Postgres, Postgres]:
    """Start PostgreSQL on a host, and on another its replica, which every commit waits for."""
    servers = []
    for name in ("postgres1", "postgres2"):
        host = network.add_host(name)
        server = Postgres(
            name,
            folder,
            host=host.address,
            port=POSTGRES_PORT,
            within=host.within,
            settings=NOTICE_LOST_CLIENTS,
        )
        stack.callback(server.kill)
        servers.append(server)
    primary, replica = servers
    primary.init()
    primary.start()
    primary.create_database()
    replica.copy_from(primary)
    replica.start()
    primary.require_replica()
    return primary, replica


def start_valkeys(
    network: Network, folder: Path, stack: contextlib.ExitStack
) -> tuple[Valkey, list[Sentinel], str]:
    """Start Valkey on two hosts, and three Sentinels; return the master and the address, too."""
    first, second, third = (network.add_host(f"valkey{number}") for number in (1, 2, 3))
    open_ = ["--protected-mode", "no"]
    master = Valkey(
        "one", folder, host=first.address, port=VALKEY_PORT, within=first.within, settings=open_
    )
    follow = [*open_, "--replicaof", first.address, str(VALKEY_PORT)]
    other = Valkey(
        "two", folder, host=second.address, port=VALKEY_PORT, within=second.within, settings=follow
    )
    sentinels = [
        Sentinel(
            host.name, folder, master, host=host.address, port=SENTINEL_PORT, within=host.within
        )
        for host in (first, second, third)
    ]
    for each in (master, other, *sentinels):
        stack.callback(each.kill)
        each.start()
    for sentinel in sentinels:
        wait_until(
            lambda each=sentinel: each.knows_replicas(1) and each.knows_sentinels(2),
            "the Sentinels know each other",
        )
    places = ",".join(f"{sentinel.host}:{sentinel.port}" for sentinel in sentinels)
    return master, sentinels, f"redis+sentinel://{places}/{Sentinel.name}/0"
