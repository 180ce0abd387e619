"""Measures whether a tenant stays fast as it grows: GET by id and `userName eq` with 1,000 and 100,000 people.

Two servers of the same kind run side by side, one with few people and one with many, created through SCIM. Only one of
them gets requests at a time, alternately, so that both run under the same conditions.
"""

import argparse
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from bench import report
from bench.machine import read_facts
from bench.measure import FAILURES, Measure, address, drive_rightly, measure, middle, run_server
from bench.targets import TARGETS, VESTIBULE, Running, Target
from bench.terminal import leave_with, show, tell

AT_LEAST: Final = 0.5
"""The goal: many people may halve the rate of few, and no more."""
STRIDE: Final = 5_000
"""People to a load when filling, so that progress can tell the rate of the last few seconds and not of all."""

Script = Literal["read", "find"]
SCRIPTS: Final[tuple[Script, ...]] = ("read", "find")
WORDS: Final = {"read": "GET by id", "find": "userName eq"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line. `few` and `many` are people, `requests` is one measurement."""

    targets: tuple[str, ...]
    rounds: int
    few: int
    many: int
    requests: int
    connections: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A server and the people in it."""

    running: Running
    ids: list[tuple[int, str]]


Rounds = dict[tuple[Script, int], list[Measure]]
"""The measurements of one target, by what was asked and how many people there were."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0, or 1 when a target could not be measured or answered wrongly."""
    settings, file = _read_arguments(arguments)
    facts = read_facts()
    measured: dict[str, Rounds] = {}
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
        data = {
            "bench": "scale",
            "machine": facts,
            "settings": {
                "rounds": settings.rounds,
                "people": [settings.few, settings.many],
                "requests": settings.requests,
                "connections": settings.connections,
            },
            "targets": {
                name: {f"{script} at {size}": report.as_data(one) for (script, size), one in rounds.items()}
                for name, rounds in measured.items()
            },
            "ratios": {
                name: {script: _compare(rounds, script, settings) for script in SCRIPTS}
                for name, rounds in measured.items()
            },
            "failures": failures,
        }
        report.write_json(file, data)
    return 1 if failures else 0


def run(target: Target, settings: Settings) -> Rounds:
    """Fill both servers, then measure them in turns."""
    rounds: Rounds = {(script, size): [] for script in SCRIPTS for size in (settings.few, settings.many)}
    with ExitStack() as stack:
        filled = {
            size: _fill(stack.enter_context(run_server(target, {})), size, settings, target.name)
            for size in (settings.few, settings.many)
        }
        for script, size in rounds:
            _ask(filled[size], script, settings, 0)  # warms up, unmeasured
        for number in range(1, settings.rounds + 1):
            order = list(rounds)
            turn = number % len(order)
            for script, size in order[turn:] + order[:turn]:
                words = f"round {number}/{settings.rounds}  {target.name}, {WORDS[script]}, {size:,} people"
                show(words)
                one = _ask(filled[size], script, settings, number)
                rounds[script, size].append(one)
                tell(f"{words}: {one.rate:,.0f} requests/s")
    return rounds


def _fill(running: Running, size: int, settings: Settings, name: str) -> Filled:
    base = replace(address(running, settings.connections), script="fill")
    ids: list[tuple[int, str]] = []
    began = time.monotonic()
    for first in range(0, size, STRIDE):
        count = min(STRIDE, size - first)
        start = time.monotonic()
        ids += drive_rightly(replace(base, first=first, count=count), lambda _: None).ids
        rate = count / (time.monotonic() - start)
        show(f"{name}: filling, {len(ids):,} of {size:,} people ({rate:,.0f}/s)")
    took = time.monotonic() - began
    tell(f"{name}: filled with {size:,} people in {took:,.0f} s ({size / took:,.0f}/s)")
    return Filled(running, ids)


def _ask(filled: Filled, script: Script, settings: Settings, seed: int) -> Measure:
    """Ask for people picked by chance, the same ones for the same round."""
    picked = random.Random(seed).choices(filled.ids, k=settings.requests)
    plan = replace(address(filled.running, settings.connections), script=script, ids=picked)
    return measure(filled.running, plan, lambda _: None)[0]


def _compare(rounds: Rounds, script: Script, settings: Settings) -> list[float]:
    """The rate at many people as a share of the rate at few, round by round."""
    return report.ratios(rounds[script, settings.many], rounds[script, settings.few])


def _write_text(
    settings: Settings, facts: Mapping[str, str], measured: Mapping[str, Rounds], failures: Mapping[str, str]
) -> str:
    title = (
        f"One tenant of {settings.few:,} and of {settings.many:,} people: {settings.requests:,} requests a round, "
        f"{settings.connections} keep-alive connections, {settings.rounds} rounds, "
        "medians (least–most of the rounds)"
    )
    parts = [title, report.facts_text(facts)]
    titles: dict[str, str] = {}
    flat: dict[str, list[Measure]] = {}
    for name, rounds in measured.items():
        for (script, size), one in rounds.items():
            key = f"{name} {script} {size}"
            titles[key], flat[key] = f"{TARGETS[name].title}: {WORDS[script]}, {size:,}", one
    if flat:
        parts += [report.speed_table(titles, flat), report.warnings(titles, flat)]
    parts.append("\n".join(f"FAILED {TARGETS[name].title}: {why}" for name, why in failures.items()))
    lines = []
    for name, rounds in measured.items():
        for script in SCRIPTS:
            ratios = _compare(rounds, script, settings)
            line = (
                f"{TARGETS[name].title}, {WORDS[script]}: {report.spread(ratios, '.2f')} of the rate at"
                f" {settings.few:,} people is left at {settings.many:,}"
            )
            if name == VESTIBULE:
                line += f"; goal at least {AT_LEAST:g}: {'reached' if middle(ratios) >= AT_LEAST else 'NOT REACHED'}"
            lines.append(line)
    parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


def _read_arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--targets", default=VESTIBULE, help=f"comma-separated, of {', '.join(TARGETS)}")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each kind (default 5)")
    parser.add_argument("--few", type=int, default=1_000, help="people in the small tenant (default 1000)")
    parser.add_argument("--many", type=int, default=100_000, help="people in the big tenant (default 100000)")
    parser.add_argument("--requests", type=int, default=20_000, help="requests a measurement (default 20000)")
    parser.add_argument("--connections", type=int, default=16, help="keep-alive connections (default 16)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round there as well")
    given = parser.parse_args(arguments)
    targets = tuple(given.targets.split(","))
    for name in targets:
        if name not in TARGETS:
            parser.error(f"--targets: there is no {name!r}; choose from {', '.join(TARGETS)}")
    for name in ("rounds", "few", "many", "requests", "connections"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: wanted at least 1, got {getattr(given, name)}")
    settings = Settings(targets, given.rounds, given.few, given.many, given.requests, given.connections)
    return settings, given.json


if __name__ == "__main__":
    leave_with(main)
