"""Where a file may be fetched from: hosts by name, then the addresses behind the name.

A message names the address of its file, and whoever forges a message must not make this server
ask its own neighbours. So the host has to be one of Meta's, and every address it resolves to has
to be public. The connection is made to an address that was looked at: a second look-up could say
something else.
"""

import contextlib
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from flask_messenger.errors import FileRefusedError, FileUnavailableError
from flask_messenger.media import words

PORTS: Final = {"http": 80, "https": 443}
LONGEST: Final = 8_192
IPV4: Final = 4
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 written as IPv6, for networks that have no IPv4."""
GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
"""All that was ever given out of IPv6. What lies beside it leads somewhere else: `::127.0.0.1`,
`fec0::1`, or a network's own way to IPv4, `64:ff9b:1::/48`.

Source: https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
"""
SPECIAL: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20"))
)
"""Of networks' own use, although some versions of Python call parts of them global."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which hosts may be asked.

    Attributes:
        allowed: names; `*.` in front stands for any number of names before it.
        simulator_url: of the simulator, which may be asked whatever its address is; None without.
    """

    allowed: tuple[str, ...]
    simulator_url: str | None = None

    def is_simulator(self, parts: SplitResult) -> bool:
        """Say whether an address is on the very server that stands for Meta."""
        if self.simulator_url is None:
            return False
        own = urlsplit(self.simulator_url)
        return (own.scheme, own.hostname, _port(own)) == (
            parts.scheme,
            parts.hostname,
            _port(parts),
        )

    def is_allowed(self, host: str) -> bool:
        """Say whether a host is one of Meta's."""
        return any(
            host.endswith(name[1:]) if name.startswith("*.") else host == name
            for name in self.allowed
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask, and at which addresses: those that were looked at, and no other.

    Attributes:
        path: with its query.
        addresses: as `socket.getaddrinfo` gives them: family and socket address.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    addresses: tuple[tuple[int, Any], ...]
    url: str = field(repr=False)


def find_target(url: str, hosts: Hosts) -> Target:
    """Return where `url` leads.

    Raises:
        FileRefusedError: it is no address of Meta's, or leads into a private network.
        FileUnavailableError: its name does not resolve just now.
    """
    parts = _split(url)
    host, port = parts.hostname, _port(parts)
    is_simulator = hosts.is_simulator(parts)
    if not host or port is None or parts.username is not None:
        raise FileRefusedError("The address of the file is none.", reason=words.HOST_REFUSED)
    is_ours_to_ask = parts.scheme == "https" and hosts.is_allowed(host)
    if not (is_simulator or is_ours_to_ask):
        raise FileRefusedError("The file is not on Meta's servers.", reason=words.HOST_REFUSED)
    addresses = _resolve(host, port)
    if not is_simulator and not all(_is_public(address[0]) for _, address in addresses):
        raise FileRefusedError("The address is a private one.", reason=words.PRIVATE_ADDRESS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, addresses, url)


def follow(target: Target, location: str) -> str:
    """Return the address that a redirect leads to; it is looked at like any other."""
    try:
        return urljoin(target.url, location)
    except ValueError:
        message = "The address of the file is none."
        raise FileRefusedError(message, reason=words.HOST_REFUSED) from None


def _split(url: str) -> SplitResult:
    parts = None
    # What cannot be in a request line cannot be in an address: no second request hides there.
    if len(url) <= LONGEST and url.isascii() and url.isprintable() and " " not in url:
        with contextlib.suppress(ValueError):
            found = urlsplit(url)
            _ = found.port  # raises where it is no number
            parts = found
    if parts is None:
        raise FileRefusedError("The address of the file is none.", reason=words.HOST_REFUSED)
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or PORTS.get(parts.scheme)


def _resolve(host: str, port: int) -> tuple[tuple[int, Any], ...]:
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        family = socket.AF_INET if address.version == IPV4 else socket.AF_INET6
        return ((family, (str(address), port)),)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        message = "The name of the file's server does not resolve."
        raise FileUnavailableError(message, reason=words.UNREACHABLE) from None
    return tuple((family, address) for family, _, _, _, address in found)


def _is_public(text: str) -> bool:
    """Say whether an address is one of the public Internet; IPv4 inside IPv6 is looked at, too."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return _is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _is_public(str(inner))
        if address not in GLOBAL_IPV6:
            return False
    is_special = any(
        address in network for network in SPECIAL if network.version == address.version
    )
    return address.is_global and not address.is_multicast and not is_special
