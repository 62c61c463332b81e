"""HAProxy in front of the web hosts: asks each of them twice a second whether it is there."""

from collections.abc import Sequence
from pathlib import Path

from tests.faults.processes import Process, is_listening, wait_until
from tests.hosts.network import Host
from tools.fault_programs import find_haproxy

CONFIG = """\
global
    maxconn 500

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    timeout http-keep-alive 30s
    option redispatch
    retries 2

frontend all
    bind {address}:{port}
    default_backend web

backend web
    balance leastconn
    default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


class Balancer:
    """The one address that Meta and the agents know."""

    def __init__(self, host: Host, port: int, web: Sequence[tuple[Host, int]], folder: Path):
        self.host, self.port = host, port
        servers = "\n".join(
            f"    server {each.name} {each.address}:{number}" for each, number in web
        )
        config = folder / "haproxy.cfg"
        config.write_text(
            CONFIG.format(address=host.address, port=port, servers=servers), encoding="ascii"
        )
        command = [str(find_haproxy()), "-db", "-f", str(config)]
        self.process = Process("balancer", command, folder=folder, within=host.within)

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: is_listening(self.host.address, self.port), "the balancer listens")
