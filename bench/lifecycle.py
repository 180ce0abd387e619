"""Okta's cycle per person (look up, create, read, update, deactivate) against Vestibule, its peers and the ceiling,
in one run.

Each round starts every target with an empty folder, warms it up, measures it, reads some people again and stops it. The
order rotates from round to round, so that a slow machine is slow for all targets. `make bench` runs this.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bench import install, report
from bench.machine import ROOT, read_facts
from bench.measure import FAILURES, Measure, address, drive_rightly, measure, middle, run_server
from bench.targets import CEILING, POSTGRES, SCIM2_ASGI, SCIM2_WSGI, SCIMMY, TARGETS, VESTIBULE, Preload, Target
from bench.terminal import leave_with, show, tell

USUAL: Final = (VESTIBULE, SCIMMY, SCIM2_WSGI, SCIM2_ASGI, CEILING)
DELAYED: Final = (VESTIBULE, CEILING)
CHECKED: Final = 100
"""So many people are read again after the load: what was answered must be there."""
WARM_FROM: Final = 5_000_000
"""Numbers of the people who only warm a server up."""

TIMES_SCIMMY: Final = 5.0
TIMES_SCIM2: Final = 8.0
P99_MS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line."""

    targets: tuple[str, ...]
    rounds: int
    people: int
    warm: int
    connections: int
    flush_ms: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0, or 1 when a target could not be measured or answered wrongly."""
    settings, file = _read_arguments(arguments)
    facts = read_facts()
    preload: Preload = {}
    if settings.flush_ms is not None:
        try:
            preload, facts["flush"] = _delay_flush(settings.flush_ms)
        except FAILURES as wrong:
            tell(str(wrong))
            return 1
    measured, failures = run(settings, preload)
    titles = {name: target.title for name, target in TARGETS.items()}
    measured = {name: measured[name] for name in settings.targets if measured.get(name)}
    print(_write_text(settings, facts, titles, measured, failures))
    if file is not None:
        report.write_json(file, _write_data(settings, facts, measured, failures))
    return 1 if failures else 0


def run(settings: Settings, preload: Preload) -> tuple[dict[str, list[Measure]], dict[str, str]]:
    """All rounds. A target that fails is left out of the rest. Returns the reasons by name."""
    measured: dict[str, list[Measure]] = {name: [] for name in settings.targets}
    failures: dict[str, str] = {}
    for name in settings.targets:
        try:
            TARGETS[name].prepare()
        except FAILURES as wrong:
            failures[name] = str(wrong)
            tell(f"{name}: {wrong}")
    for number in range(settings.rounds):
        turn = number % len(settings.targets)
        for name in settings.targets[turn:] + settings.targets[:turn]:
            if name in failures:
                continue
            words = f"round {number + 1}/{settings.rounds}  {name}"
            try:
                one = _measure_target(TARGETS[name], settings, preload, words)
            except FAILURES as wrong:
                failures[name] = str(wrong)
                tell(f"{words}: {wrong}")
            else:
                measured[name].append(one)
                tell(f"{words}: {one.rate:,.0f} requests/s")
    return measured, failures


def _measure_target(target: Target, settings: Settings, preload: Preload, words: str) -> Measure:
    show(f"{words}: starting")
    with run_server(target, preload) as running:
        base = address(running, settings.connections)
        warm = replace(base, first=WARM_FROM, count=settings.warm)
        drive_rightly(warm, lambda done: show(f"{words}: warming up, {done:,} of {settings.warm * 5:,} requests"))
        plan = replace(base, count=settings.people)
        one, outcome = measure(
            running, plan, lambda done: show(f"{words}: {done:,} of {settings.people * 5:,} requests")
        )
        stride = max(1, len(outcome.ids) // CHECKED)
        drive_rightly(replace(base, script="check", ids=outcome.ids[::stride]), lambda _: None)
    return one


def _delay_flush(milliseconds: float) -> tuple[Preload, str]:
    """Build the slow flush and see that it is slow: what it is set to and what it takes go into the report."""
    preload = {
        "LD_PRELOAD": str(install.build_flush_delay()),
        "BENCH_FLUSH_DELAY_US": str(round(milliseconds * 1000)),
    }
    program = "from bench.machine import measure_flush; print(measure_flush())"
    environment = preload | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    took = float(done.stdout) * 1000
    if took < milliseconds:
        raise install.Unavailable(
            f"a flush was to take {milliseconds} ms and took {took:.2f} ms: LD_PRELOAD has no effect here"
        )
    return preload, f"{took:.2f} ms, delayed by {milliseconds:g} ms (fdatasync of 4 KiB, median of 100)"


def _judge(
    measured: Mapping[str, Sequence[Measure]], failures: Mapping[str, str]
) -> list[tuple[str, bool | None, str]]:
    """The goals: what, whether it was reached (None when this run cannot tell), and the figure."""
    ours = measured.get(VESTIBULE)
    goals: list[tuple[str, bool | None, str]] = []
    for name, wanted in ((SCIMMY, TIMES_SCIMMY), (SCIM2_WSGI, TIMES_SCIM2)):
        what = f"at least {wanted:g} times {name}"
        theirs = measured.get(name)
        if ours and theirs:
            times = report.ratios(ours, theirs)
            goals.append((what, middle(times) >= wanted, report.spread(times, ".2f")))
        else:
            goals.append((what, None, "not measured"))
    what = f"p99 under {P99_MS:g} ms"
    if ours:
        p99 = report.milliseconds(ours, 0.99)
        goals.append((what, middle(p99) < P99_MS, report.spread(p99, ".2f")))
    else:
        goals.append((what, None, "not measured"))
    if VESTIBULE in failures:
        goals = [(what, False, failures[VESTIBULE].splitlines()[0]) for what, _, _ in goals]
    return goals


def _write_text(
    settings: Settings,
    facts: Mapping[str, str],
    titles: Mapping[str, str],
    measured: Mapping[str, Sequence[Measure]],
    failures: Mapping[str, str],
) -> str:
    title = (
        f"Okta's cycle per person: {settings.people:,} people ({settings.people * 5:,} requests) a round, "
        f"{settings.connections} keep-alive connections, {settings.rounds} rounds, "
        "medians (least–most of the rounds)"
    )
    parts = [title, report.facts_text(facts)]
    if measured:
        parts += [report.speed_table(titles, measured), report.steps_table(titles, measured)]
    if VESTIBULE in measured:
        times = {name: report.ratios(measured[VESTIBULE], rounds) for name, rounds in measured.items()}
        lines = [
            f"{titles[VESTIBULE]} / {titles[name]}: {report.spread(ratios, '.2f')} times"
            for name, ratios in times.items()
            if name != VESTIBULE
        ]
        parts.append("\n".join(lines))
    if settings.flush_ms is not None:
        parts.append("\n".join(_judge_waiting(settings.flush_ms, titles, measured)))
    parts.append(report.warnings(titles, measured))
    parts.append("\n".join(f"FAILED {titles[name]}: {why}" for name, why in failures.items()))
    words = {True: "reached", False: "NOT REACHED", None: "unknown"}
    if settings.flush_ms is None and VESTIBULE in settings.targets:
        goals = _judge(measured, failures)
        parts.append("\n".join(f"goal {what}: {words[reached]}, {figure}" for what, reached, figure in goals))
    return "\n\n".join(part for part in parts if part)


def _judge_waiting(flush_ms: float, titles: Mapping[str, str], measured: Mapping[str, Sequence[Measure]]) -> list[str]:
    """With a slow flush it shows who answers a write before it is on the disk."""
    lines = []
    for name, rounds in measured.items():
        fastest = min(report.milliseconds(rounds, 0.0, "create"))
        waits = "waits for the disk" if fastest >= flush_ms else "DOES NOT WAIT for the disk"
        lines.append(f"{titles[name]}: fastest create {fastest:.2f} ms with a flush of {flush_ms:g} ms: {waits}")
    return lines


def _write_data(
    settings: Settings,
    facts: Mapping[str, str],
    measured: Mapping[str, Sequence[Measure]],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    ours = measured.get(VESTIBULE, ())
    return {
        "bench": "lifecycle",
        "machine": dict(facts),
        "settings": {
            "rounds": settings.rounds,
            "people": settings.people,
            "warm": settings.warm,
            "connections": settings.connections,
            "delayed_flush_ms": settings.flush_ms,
        },
        "targets": {name: report.as_data(rounds) for name, rounds in measured.items()},
        "times": {name: report.ratios(ours, rounds) for name, rounds in measured.items() if ours and name != VESTIBULE},
        "goals": [
            {"goal": what, "reached": reached, "figure": figure} for what, reached, figure in _judge(measured, failures)
        ],
        "failures": dict(failures),
    }


def _read_arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m bench.lifecycle", description=__doc__)
    parser.add_argument(
        "--targets",
        help=f"comma-separated, of {', '.join(TARGETS)}"
        f" (default: {','.join(USUAL)}; with --delayed-flush {','.join(DELAYED)})",
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each target is started and measured (default 5)"
    )
    parser.add_argument("--people", type=int, default=3_000, help="people a round, five requests each (default 3000)")
    parser.add_argument(
        "--warm", type=int, default=1_000, help="people before a round to warm the server up (default 1000)"
    )
    parser.add_argument("--connections", type=int, default=16, help="keep-alive connections (default 16)")
    parser.add_argument(
        "--delayed-flush", type=float, metavar="MS", help="make each fsync and fdatasync take this much longer"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round there as well")
    given = parser.parse_args(arguments)
    usual = USUAL if given.delayed_flush is None else DELAYED
    targets = tuple(given.targets.split(",")) if given.targets else usual
    for name in targets:
        if name not in TARGETS:
            parser.error(f"--targets: there is no {name!r}; choose from {', '.join(TARGETS)}")
    if given.delayed_flush is not None and POSTGRES in targets:
        parser.error(f"--delayed-flush does not reach PostgreSQL's own processes: leave out {POSTGRES}")
    for name in ("rounds", "people", "warm", "connections"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: wanted at least 1, got {getattr(given, name)}")
    settings = Settings(targets, given.rounds, given.people, given.warm, given.connections, given.delayed_flush)
    return settings, given.json


if __name__ == "__main__":
    leave_with(main)
