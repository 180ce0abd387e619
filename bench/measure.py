"""One measurement: a server with an empty folder, a load on it, and the resources that both used."""

import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bench.install import Unavailable
from bench.load import Outcome, Plan, drive
from bench.machine import make_folder, read_peak_memory, read_usage
from bench.processes import ServerFailed
from bench.targets import Preload, Running, Target

CORES: Final = os.cpu_count() or 1


class AnsweredWrongly(Exception):
    """A server gave responses that Okta would not accept, so its speed is meaningless. The text has the first one."""


FAILURES: Final = (Unavailable, ServerFailed, AnsweredWrongly)
"""What takes a target out of a run without ending the run."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What one load did. Latencies in microseconds by step; CPU in seconds; memory in bytes.

    `others` is the share of the machine's CPU time that neither the server nor the bench used: when it is
    not small, something else was running and the figure is worth little.
    """

    requests: int
    seconds: float
    latencies: dict[str, list[int]]
    server_cpu: float
    client_cpu: float
    others: float
    peak_memory: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def server_cpu_per_thousand(self) -> float:
        """CPU seconds that the server's processes used for 1,000 requests."""
        return self.server_cpu / self.requests * 1000

    @property
    def client_share(self) -> float:
        """How much of one core the load generator used."""
        return self.client_cpu / self.seconds

    @property
    def all_latencies(self) -> list[int]:
        return [latency for step in self.latencies.values() for latency in step]


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest value that at least `rank` (0 to 1) of all values do not exceed; for 0 the least of them."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * rank // 1) - 1)]


def middle(values: Sequence[float]) -> float:
    """The median over rounds."""
    return statistics.median(values)


@contextmanager
def run_server(target: Target, preload: Preload) -> Iterator[Running]:
    """A target over a folder of its own, which is gone afterwards."""
    folder = make_folder(target.name)
    try:
        with target.start(folder, preload) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def address(running: Running, connections: int) -> Plan:
    """A plan that does nothing yet, for `dataclasses.replace` to say what."""
    return Plan("live", running.host, running.port, running.base_path, running.authorization, connections)


def drive_rightly(plan: Plan, progress: Callable[[int], None]) -> Outcome:
    """Run a plan of which every answer must be right.

    Raises:
        AnsweredWrongly: when one was not.
    """
    outcome = drive(plan, progress)
    if outcome.errors:
        raise AnsweredWrongly(f"{len(outcome.errors)} wrong answers, the first: {outcome.errors[0]}")
    return outcome


def measure(running: Running, plan: Plan, progress: Callable[[int], None]) -> tuple[Measure, Outcome]:
    """Run one plan and account for it.

    Raises:
        AnsweredWrongly: when an answer was not what Okta would accept.
    """
    before = read_usage(running.roots)
    outcome = drive_rightly(plan, progress)
    after = read_usage(running.roots)
    server = after.server - before.server
    others = after.machine - before.machine - server - (after.bench - before.bench)
    return (
        Measure(
            requests=sum(len(step) for step in outcome.latencies.values()),
            seconds=outcome.seconds,
            latencies={name: step for name, step in outcome.latencies.items() if step},
            server_cpu=server,
            client_cpu=outcome.cpu_seconds,
            others=max(0.0, others / ((after.at - before.at) * CORES)),
            peak_memory=read_peak_memory(running.roots),
        ),
        outcome,
    )
