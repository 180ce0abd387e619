"""Measures what changing and reading a group costs, by how many members it has.

One client sends one request at a time, as Okta does for a group. Meanwhile another client reads a person again and
again: its latency says what a group of 200,000 costs everybody else.
"""

import argparse
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import orjson

from bench import report
from bench.machine import read_facts
from bench.measure import FAILURES, address, drive_rightly, percentile, run_server
from bench.processes import ServerFailed
from bench.targets import TARGETS, VESTIBULE, Running, Target
from bench.terminal import leave_with, show, tell

PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
GIVES_UP: Final = 300
"""Seconds after which a request has failed."""
TOGETHER: Final = 1_000
"""Members that are added by one request."""
CHANGES: Final = 10_000
"""Changes in the largest PATCH, which is sent to the largest group."""
STRIDE: Final = 5_000

MOST_TIMES_TEN: Final = 1.5
LONGEST_PATCH: Final = 1.0
LONGEST_SAME: Final = 2.0
LATEST_OTHER: Final = 0.050
"""The goals: adding one to the largest group against one of ten, the largest PATCH, the same PUT of 100,000 again (in
seconds), and the p99 of the other client (in seconds).
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line."""

    targets: tuple[str, ...]
    sizes: tuple[int, ...]
    times: int


@dataclass(slots=True)
class Figures:
    """The seconds that each request took, by what it did and how large the group was; and what others waited."""

    took: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    others: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    left_out: dict[tuple[str, int], str] = field(default_factory=dict)


class Client:
    """One connection to a server."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._connection = http.client.HTTPConnection(running.host, running.port, timeout=GIVES_UP)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[float, bytes]:
        """Send a request. Returns the seconds until the whole answer was there, and its body.

        Raises:
            ServerFailed: the answer is not one of success.
        """
        sent = orjson.dumps(body) if body is not None else None
        headers = {"Authorization": self._running.authorization, "Content-Type": "application/scim+json"}
        start = time.perf_counter()
        try:
            self._connection.request(method, self._running.base_path + path, sent, headers)
            answer = self._connection.getresponse()
            came = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServerFailed(f"{method} {path.partition('?')[0]}: {type(error).__name__}: {error}") from error
        took = time.perf_counter() - start
        if not 200 <= answer.status < 300:
            raise ServerFailed(f"{method} {path.partition('?')[0]} was answered with {answer.status}: {came[:200]!r}")
        return took, came


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0, or 1 when a target could not be measured at all."""
    settings, file = _read_arguments(arguments)
    facts = read_facts()
    measured: dict[str, Figures] = {}
    failures: dict[str, str] = {}
    for name in settings.targets:
        try:
            TARGETS[name].prepare()
            measured[name] = run(TARGETS[name], settings)
        except FAILURES as wrong:
            failures[name] = str(wrong)
            tell(f"{name}: {wrong}")
    print(_write_text(settings, facts, measured, failures))
    if file is not None:
        report.write_json(file, _data(facts, measured, failures))
    return 1 if failures else 0


def run(target: Target, settings: Settings) -> Figures:
    """Measure one target, with a group of each size in turn."""
    figures = Figures()
    with run_server(target, {}) as running:
        ids = _fill(running, max(settings.sizes) + CHANGES, target.name)
        for size in settings.sizes:
            _measure_size(running, ids, size, settings, figures, target.name)
    return figures


def _fill(running: Running, size: int, name: str) -> list[str]:
    base = replace(address(running, 16), script="fill")
    ids: list[str] = []
    for first in range(0, size, STRIDE):
        count = min(STRIDE, size - first)
        ids += [id_ for _, id_ in drive_rightly(replace(base, first=first, count=count), lambda _: None).ids]
        show(f"{name}: filling, {len(ids):,} of {size:,} people")
    tell(f"{name}: filled with {size:,} people")
    return ids


def _measure_size(running: Running, ids: list[str], size: int, settings: Settings, figures: Figures, name: str) -> None:
    client = Client(running)
    inside, outside = ids[:size], ids[size : size + CHANGES]

    def step(what: str, times: int, act: Callable[[int], float]) -> None:
        show(f"{name}, {size:,} members: {what}")
        key = what, size
        try:
            with _somebody_else(running, ids[0]) as waits:
                figures.took[key] = [act(number) for number in range(times)]
            figures.others[key] = waits
        except ServerFailed as wrong:
            figures.took.pop(key, None)
            figures.left_out[key] = str(wrong)
            tell(f"{name}, {size:,} members, {what}: {wrong}")

    made: list[str] = []

    def create(number: int) -> float:
        took, came = client.ask("POST", "/Groups", _whole(f"Group {size}-{number}", inside))
        made.append(str(orjson.loads(came)["id"]))
        return took

    step("create", 1, create)
    if not made:
        return
    path = f"/Groups/{made[0]}"

    def patch(*operations: dict[str, Any]) -> float:
        return client.ask("PATCH", path, {"schemas": [PATCH_OP], "Operations": operations})[0]

    few = settings.times
    step("add one", few, lambda number: patch(_add(outside[number : number + 1])))
    step("remove one", few, lambda number: patch(_remove(outside[number])))
    step(
        "add 1,000", max(few // 5, 1), lambda number: patch(_add(outside[number * TOGETHER : (number + 1) * TOGETHER]))
    )
    step("PUT of the same", 3, lambda _: client.ask("PUT", path, _whole(f"Group {size}-0", inside))[0])
    step("read without members", few, lambda _: client.ask("GET", f"{path}?excludedAttributes=members")[0])
    step("read with members", 3, lambda _: client.ask("GET", path)[0])
    query = f"/Users?filter=groups%20eq%20%22{made[0]}%22&count=100"
    step("100 people of the group", few, lambda _: client.ask("GET", query)[0])
    if size == max(settings.sizes) and size >= CHANGES:
        half = CHANGES // 2
        removals = [_remove(id_) for id_ in inside[:half]]
        step("10,000 changes in a PATCH", 1, lambda _: patch(*removals, _add(outside[:half])))
    step("delete", 1, lambda _: client.ask("DELETE", path)[0])


def _whole(name: str, ids: list[str]) -> dict[str, Any]:
    return {"schemas": [GROUP], "displayName": name, "members": _listed(ids)}


def _listed(ids: list[str]) -> list[dict[str, str]]:
    return [{"value": id_, "display": f"somebody.{number:07d}@north.example"} for number, id_ in enumerate(ids)]


def _add(ids: list[str]) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": _listed(ids)}


def _remove(id_: str) -> dict[str, Any]:
    return {"op": "remove", "path": f'members[value eq "{id_}"]'}


@contextmanager
def _somebody_else(running: Running, user_id: str) -> Iterator[list[float]]:
    """Read a person on another connection all the time, until the block ends. Yields the seconds that it took."""
    waits: list[float] = []
    over = threading.Event()

    def read() -> None:
        client = Client(running)
        while not over.wait(0.005):
            waits.append(client.ask("GET", f"/Users/{user_id}")[0])

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()


# -- the report --------------------------------------------------------------------------------------------------------


def _late(waits: Sequence[float]) -> float:
    return percentile([int(wait * 1_000_000) for wait in waits], 0.99) / 1_000_000


def _write_text(
    settings: Settings, facts: Mapping[str, str], measured: Mapping[str, Figures], failures: Mapping[str, str]
) -> str:
    parts = [
        "What one request costs a group, in milliseconds: median (least–most); in brackets [p99 of another client]",
        report.facts_text(facts),
    ]
    for name, figures in measured.items():
        whats = list(dict.fromkeys(what for what, _ in (*figures.took, *figures.left_out)))
        head = [TARGETS[name].title, *(f"{size:,} members" for size in settings.sizes)]
        rows = [[what, *(_cell(figures, what, size) for size in settings.sizes)] for what in whats]
        parts.append(report.table(head, rows))
    if VESTIBULE in measured:
        parts.append("\n".join(_goals(settings, measured[VESTIBULE])))
    parts.append("\n".join(f"FAILED {TARGETS[name].title}: {why}" for name, why in failures.items()))
    return "\n\n".join(part for part in parts if part)


def _cell(figures: Figures, what: str, size: int) -> str:
    took = figures.took.get((what, size))
    if not took:
        return "failed" if (what, size) in figures.left_out else ""
    waits = figures.others.get((what, size))
    late = f" [{_late(waits) * 1000:,.0f}]" if waits else ""
    return report.spread([each * 1000 for each in took], ",.1f") + late


def _goals(settings: Settings, figures: Figures) -> list[str]:
    small, large = min(settings.sizes), max(settings.sizes)
    told = []

    def goal(words: str, came: float, most: float, unit: str) -> None:
        told.append(
            f"{words}: {came:.2f}{unit}; goal at most {most:g}{unit}: {'reached' if came <= most else 'NOT REACHED'}"
        )

    if adds := figures.took.get(("add one", large)):
        few = figures.took["add one", small]
        goal(f"adding one to {large:,} against {small:,}", _middle(adds) / _middle(few), MOST_TIMES_TEN, " times")
    if changes := figures.took.get(("10,000 changes in a PATCH", large)):
        goal("10,000 changes in a PATCH", _middle(changes), LONGEST_PATCH, " s")
    for size in settings.sizes:
        if (same := figures.took.get(("PUT of the same", size))) and size >= 100_000:
            goal(f"PUT of the same {size:,}", _middle(same), LONGEST_SAME, " s")
    late = max((_late(waits) for waits in figures.others.values() if waits), default=0.0)
    goal("p99 of the other client, at worst", late, LATEST_OTHER, " s")
    return told


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _data(facts: Mapping[str, str], measured: Mapping[str, Figures], failures: Mapping[str, str]) -> dict[str, Any]:
    return {
        "bench": "groups",
        "machine": facts,
        "targets": {
            name: {
                f"{what} at {size}": {"seconds": took, "others_p99": _late(figures.others.get((what, size)) or [0.0])}
                for (what, size), took in figures.took.items()
            }
            for name, figures in measured.items()
        },
        "failures": failures,
    }


def _read_arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m bench.groups", description=__doc__)
    parser.add_argument("--targets", default=VESTIBULE, help=f"comma-separated, of {', '.join(TARGETS)}")
    parser.add_argument("--sizes", default="10,1000,100000,200000", help="members (default 10,1000,100000,200000)")
    parser.add_argument("--times", type=int, default=20, help="requests of each quick kind (default 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args(arguments)
    targets = tuple(given.targets.split(","))
    for name in targets:
        if name not in TARGETS:
            parser.error(f"--targets: there is no {name!r}; choose from {', '.join(TARGETS)}")
    try:
        sizes = tuple(sorted(int(size) for size in given.sizes.split(",")))
    except ValueError:
        parser.error(f"--sizes: wanted numbers with commas between them, got {given.sizes!r}")
    if given.times < 1 or sizes[0] < 1:
        parser.error("--times and --sizes: wanted at least 1")
    return Settings(targets, sizes, given.times), given.json


if __name__ == "__main__":
    leave_with(main)
