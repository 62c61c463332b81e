"""Hosts as network namespaces, each with one cable to a switch; nothing leaves this machine."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.fault_programs import advise, find_ip

SUBNETS = tuple(f"10.213.{number}" for number in range(77, 97))
SWITCH_NUMBER = 1
PORTS = Path("/sys/class/net")
FIRST_NUMBER = 11


def cannot_make_hosts() -> str | None:
    """Return why there can be no hosts here; None where there can."""
    if find_ip() is None:
        return f"no `ip`. {advise(['ip'])}"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    try:
        with contextlib.ExitStack() as stack:
            Network(stack).add_host("probe")
    except subprocess.CalledProcessError as error:
        return f"this machine does not let us make network namespaces: {error.stderr.strip()}"
    return None


def ip(*arguments: str) -> str:
    """Run `ip`.

    Raises:
        subprocess.CalledProcessError: it said no.
    """
    command = [str(find_ip()), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its name, its address, and its end of the cable at the switch."""

    name: str
    address: str
    port: str
    namespace: str

    @property
    def within(self) -> list[str]:
        """Return what runs a command on this host."""
        return [str(find_ip()), "netns", "exec", self.namespace]

    def cut(self) -> None:
        """Cut its cable: nobody hears of it, and it hears of nobody, without a word."""
        ip("link", "set", self.port, "down")

    def mend(self) -> None:
        ip("link", "set", self.port, "up")

    @property
    def is_connected(self) -> bool:
        """Say whether its cable carries anything."""
        return (PORTS / self.port / "operstate").read_text(encoding="ascii").strip() == "up"

    def count_heard(self) -> int:
        """Return how many bytes the switch has heard from it."""
        return int((PORTS / self.port / "statistics/rx_bytes").read_text(encoding="ascii"))


@dataclass
class Network:
    """A switch and the hosts on it. This process stands at the switch, as the internet would."""

    stack: contextlib.ExitStack
    hosts: dict[str, Host] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers: Iterator[int] = iter(range(FIRST_NUMBER, 250))
        self._mark = f"{os.getpid() % 100_000:05}"
        self.switch = f"fm{self._mark}s"
        self._subnet = _find_free_subnet()
        self.address = f"{self._subnet}.{SWITCH_NUMBER}"
        ip("link", "add", self.switch, "type", "bridge")
        self.stack.callback(_try_ip, "link", "delete", self.switch)
        ip("address", "add", f"{self.address}/24", "dev", self.switch)
        ip("link", "set", self.switch, "up")

    def add_host(self, name: str) -> Host:
        number = next(self._numbers)
        namespace = f"fm{self._mark}-{name}"
        host = Host(name, f"{self._subnet}.{number}", f"fm{self._mark}p{number}", namespace)
        ip("netns", "add", namespace)
        self.stack.callback(_try_ip, "netns", "delete", namespace)
        inner = f"fm{self._mark}i{number}"
        ip("link", "add", host.port, "type", "veth", "peer", "name", inner, "netns", namespace)
        # The other end goes with the namespace, but not at once.
        self.stack.callback(_try_ip, "link", "delete", host.port)
        ip("link", "set", host.port, "master", self.switch, "up")
        within = ("-n", namespace)
        ip(*within, "link", "set", inner, "name", "eth0")
        ip(*within, "address", "add", f"{host.address}/24", "dev", "eth0")
        ip(*within, "link", "set", "eth0", "up")
        ip(*within, "link", "set", "lo", "up")
        self.hosts[name] = host
        return host


def _find_free_subnet() -> str:
    used = ip("-4", "address", "show")
    return next(subnet for subnet in SUBNETS if f" {subnet}." not in used)


def _try_ip(*arguments: str) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):
        ip(*arguments)
