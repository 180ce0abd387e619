"""How connections are counted, and how many there may be."""

import resource
from collections.abc import Iterator

import pytest

from vestibule.connections import Connections, Policy, policy_of
from vestibule.limits import MOST_CONNECTIONS, RESERVED_DESCRIPTORS, UNREAD_BYTES
from vestibule.settings import Settings

POLICY = Policy(10, 5, "10.0.0.0/8, 2001:db8::/32", 1, 1, 1)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """The limit on open files, put back afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("peer", "counted_by"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:4860::1:2:3:4", "2001:4860::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.1.2.3", ""),
        ("::ffff:10.1.2.3", ""),
        ("2001:db8::1", ""),
        ("", ""),
    ],
)
def test_what_a_connection_is_counted_by(peer: str, counted_by: str) -> None:
    assert Connections(POLICY).counted_address(peer) == counted_by


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize(("soft", "most"), [(1024, 1024 - RESERVED_DESCRIPTORS), (200, 100), (256, 128)])
def test_descriptors_stay_for_everything_else(soft: int, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    policy = policy_of(Settings())
    assert (policy.most, policy.most_per_address) == (most, most // 4)
    assert most <= MOST_CONNECTIONS


def test_what_is_set_is_taken() -> None:
    policy = policy_of(Settings(connections=7, connections_per_address=3))
    assert (policy.most, policy.most_per_address) == (7, 3)


class Reader:
    """A connection whose client reads nothing."""

    address = ""

    def __init__(self, since: float, size: int) -> None:
        self.since, self.size, self.is_cut = since, size, False

    def expires_at(self) -> float | None:
        return None

    def check(self, now: float) -> None:
        """Nothing is late."""

    def unread(self) -> tuple[float, int] | None:
        return self.since, self.size

    def cut(self) -> None:
        self.is_cut = True


def test_those_who_read_nothing_for_longest_are_cut_when_too_much_waits() -> None:
    connections = Connections(POLICY)
    readers = [Reader(since, UNREAD_BYTES // 4) for since in (3, 1, 4, 2, 5, 6)]
    connections._open.update(readers)
    connections._cut_idle_readers()
    assert [reader.since for reader in readers if reader.is_cut] == [1, 2]


def test_what_is_kept_for_readers_counts_as_unread_at_once() -> None:
    connections = Connections(POLICY)
    readers = [Reader(since, UNREAD_BYTES // 4) for since in (3, 1, 4, 2)]
    for reader in readers:
        connections._open.add(reader)
        connections.hold(reader.size)
    assert not [reader for reader in readers if reader.is_cut]
    further = Reader(5, UNREAD_BYTES // 4)
    connections._open.add(further)
    connections.hold(further.size)
    assert [reader.since for reader in readers if reader.is_cut] == [1]
    connections.hold(-5 * further.size)
    assert connections.held == 0
