"""Which addresses a feed may reach: a contract, or a server that redirects, must not lead us into our own network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from footprints.feeds.failure import FeedError

NAT64 = ipaddress.ip_network("64:ff9b::/96")
DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, int]
"""Host in lower case, and port."""


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet; an IPv4 address that hides in IPv6 is looked at itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def refuse_private(host: str, addresses: Iterable[str]) -> None:
    """Raises FeedError where a host has an address that is not public."""
    if not all(is_public(address) for address in addresses):
        raise FeedError(
            f"{host} has an address in a private network",
            "`allow_private` in the contract lets a feed go there; FOOTPRINTS_FEED_URLS sets another base address",
            stops=True,
        )


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host. Raises OSError where it has none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)]


def join(url: str, link: str) -> str:
    """The address that a server names, relative to that of its answer. Raises FeedError where it is none."""
    try:
        found = urljoin(url, link)
    except ValueError:
        raise FeedError("the server names an address that cannot be used", "see the contract's feed") from None
    origin(found)
    return found


def origin(url: str) -> Origin:
    """Host and port of an address. Raises FeedError where it has none, or carries a user name."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        if parts.username is not None or not parts.hostname:
            raise ValueError
    except (ValueError, KeyError):
        raise FeedError("the server names an address that cannot be used", "see the contract's feed") from None
    return parts.hostname.lower(), port
