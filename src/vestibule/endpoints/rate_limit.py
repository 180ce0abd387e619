"""Rate limits with token buckets.

The buckets are in this process's memory, which is limited: if there are too many keys, the ones that were idle for the
longest time are forgotten and start again with a full bucket.
"""

import ipaddress
import math
from collections.abc import Hashable
from functools import lru_cache

from vestibule.limits import CLIENTS_REMEMBERED


class TokenBuckets:
    """A token bucket for each key, with room for `burst` tokens and refilled with `rate` tokens per second."""

    __slots__ = ("_buckets", "_burst", "_most", "_rate")

    def __init__(self, rate: float, burst: int, most: int = CLIENTS_REMEMBERED) -> None:
        self._rate = rate / 1000
        self._burst = burst
        self._most = most
        self._buckets: dict[Hashable, tuple[float, int]] = {}

    def take(self, key: Hashable, now: int) -> int:
        """Take a token. `now` is in milliseconds. Returns 0, or the seconds until there is one."""
        tokens, at = self._buckets.pop(key, (self._burst, now))
        tokens = min(tokens + max(now - at, 0) * self._rate, self._burst)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) / self._rate / 1000)
        self._buckets[key] = (tokens if wait else tokens - 1, max(now, at))
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return wait

    def __len__(self) -> int:
        """Returns how many keys are remembered."""
        return len(self._buckets)


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """Returns what counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
