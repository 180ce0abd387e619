"""Limits the number of connections of a process, and closes those that time out.

The rule: a connection takes a file descriptor, so their number is limited, in all and for each client address, and
descriptors stay free for the database. One timer checks all connections twice a second; a connection has no timer of
its own. Above the limit for an address the newest connection is closed at once. Above the limit in all, the connection
that would time out next is closed, if one is waiting for a request. Silent connections time out before those that are
kept alive, so a crowd of silent clients closes its own connections.
"""

import asyncio
import ipaddress
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Protocol

from vestibule.limits import MOST_CONNECTIONS, RESERVED_DESCRIPTORS, UNREAD_BYTES
from vestibule.settings import Settings

log = logging.getLogger("vestibule")

_EVERY: Final = 0.5
"""Seconds between two checks of all connections."""
_LOGGED_EVERY: Final = 60.0
"""Refused connections are logged at most once in so many seconds."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings for connections, in a form that can be sent to a worker process."""

    most: int
    most_per_address: int
    trusted_proxies: str
    header_seconds: float
    idle_seconds: float
    stalled_seconds: float


def policy_of(settings: Settings) -> Policy:
    """Make a policy from the settings, with computed defaults.

    Returns:
        The policy of one worker process: each has its own file descriptors.
    """
    most = settings.connections or _fitting_connections()
    return Policy(
        most,
        settings.connections_per_address or max(1, most // 4),
        settings.trusted_proxies,
        settings.header_timeout,
        settings.idle_timeout,
        settings.reader_timeout,
    )


def _fitting_connections() -> int:
    """Returns how many connections leave enough of the process's file descriptors for everything else."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, descriptors - min(RESERVED_DESCRIPTORS, descriptors // 2)))


class Connection(Protocol):
    """What this module uses of a connection."""

    address: str
    """The address that the connection is counted by; empty if it is not counted by address."""

    def expires_at(self) -> float | None:
        """Returns when it times out; None while a request is in progress."""

    def check(self, now: float) -> None:
        """Close it if it has timed out."""

    def unread(self) -> tuple[float, int] | None:
        """Returns since when its client has read nothing, and how many bytes wait for it; None if none do."""

    def cut(self) -> None:
        """Close it at once, even if a request is in progress."""


class Connections:
    """The open connections of this process."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._open: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._proxies = _networks(policy.trusted_proxies)
        self.held = 0
        """Bytes of responses that wait for clients and were not yet written to connections."""
        self._sweeping = False
        self._refused = 0
        self._logged_at: float | None = None

    def __len__(self) -> int:
        return len(self._open)

    def counted_address(self, peer: str) -> str:
        """Returns what a peer's connections are counted by: its address, or its /64 network for IPv6. Empty for a
        trusted proxy, because there are many clients behind it.
        """
        if not peer:
            return ""
        network = _network_of(peer)
        if self._proxies and _is_in(peer, self._proxies):
            return ""
        return network

    def admit(self, connection: Connection, now: float) -> bool:
        """Count a new connection.

        Returns:
            Whether it may stay. If not, it is not counted and the caller closes it.
        """
        address = connection.address
        if address and self._by_address[address] >= self.policy.most_per_address:
            self._refuse(now, "too many from one address")
            return False
        if len(self._open) >= self.policy.most and not self._make_room(now):
            return False
        self._open.add(connection)
        if address:
            self._by_address[address] += 1
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(_EVERY, self._sweep)
        return True

    def leave(self, connection: Connection) -> None:
        """Stop counting a connection; nothing happens if it is not counted."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        address = connection.address
        if address:
            self._by_address[address] -= 1
            if self._by_address[address] <= 0:
                del self._by_address[address]

    def _make_room(self, now: float) -> bool:
        self._refuse(now, "too many in all")
        waiting = [(at, id(each), each) for each in self._open if (at := each.expires_at()) is not None]
        if not waiting:
            return False
        _, _, first = min(waiting)
        self.leave(first)
        first.cut()
        return True

    def _refuse(self, now: float, reason: str) -> None:
        """Count a connection that is closed because there are too many, and log the count once a minute."""
        self._refused += 1
        if self._logged_at is None or now - self._logged_at >= _LOGGED_EVERY:
            log.warning("connections closed", extra={"count": self._refused, "reason": reason, "open": len(self._open)})
            self._refused, self._logged_at = 0, now

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for each in tuple(self._open):
            each.check(now)
        self._cut_idle_readers()
        self._sweeping = bool(self._open)
        if self._sweeping:
            loop.call_later(_EVERY, self._sweep)

    def hold(self, more: int) -> None:
        """Add to the bytes that wait for clients (`more` may be negative), and cut slow readers above the limit."""
        self.held += more
        if more > 0 and self.held > UNREAD_BYTES:
            self._cut_idle_readers()

    def _cut_idle_readers(self) -> None:
        """Cut the clients that have read nothing for longest, until the waiting bytes are within their limit."""
        waiting = [(*left, id(each), each) for each in tuple(self._open) if (left := each.unread()) is not None]
        total = sum(size for _, size, _, _ in waiting)
        for _, size, _, each in sorted(waiting):
            if total <= UNREAD_BYTES:
                return
            each.cut()
            total -= size


@cache
def connections_of(policy: Policy) -> Connections:
    """Returns the connections of this process: always the same object."""
    return Connections(policy)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(listed: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(each, strict=False) for each in filter(None, map(str.strip, listed.split(","))))


@lru_cache(maxsize=4096)
def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any(address in each or (mapped is not None and mapped in each) for each in networks)


@lru_cache(maxsize=4096)
def _network_of(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
