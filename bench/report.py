"""The report: plain tables for people, one JSON object for programs. Every figure is a median over rounds with its
spread.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.measure import Measure, middle, percentile
from bench.people import STEPS

DISTURBED: Final = 0.10
"""A round in which others used more of the machine than this is named in the report."""
SATURATED: Final = 0.85
"""So is one in which the load generator used more of its core than this: it may have been the brake."""


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Median (least–most)."""
    if len(values) == 1:
        return format(values[0], form)
    return f"{middle(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line(head), "  ".join("-" * width for width in widths), *(line(row) for row in rows)])


def facts_text(facts: Mapping[str, str]) -> str:
    """The machine, one fact a line."""
    return "\n".join(f"{name:<8} {value}" for name, value in facts.items())


def milliseconds(rounds: Sequence[Measure], rank: float, step: str | None = None) -> list[float]:
    """A percentile of the latencies of each round, overall or of one step, in milliseconds."""
    return [percentile(one.latencies[step] if step else one.all_latencies, rank) / 1000 for one in rounds]


def speed_table(titles: Mapping[str, str], measured: Mapping[str, Sequence[Measure]]) -> str:
    """One row for each target: how fast, how late, at what price."""
    head = ["", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU s/1,000", "peak MiB", "client CPU"]
    rows = [
        [
            titles[name],
            spread([one.rate for one in rounds]),
            *(spread(milliseconds(rounds, rank), ".2f") for rank in (0.50, 0.95, 0.99)),
            spread([one.server_cpu_per_thousand for one in rounds], ".3f"),
            spread([one.peak_memory / 2**20 for one in rounds]),
            f"{middle([one.client_share for one in rounds]):.0%}",
        ]
        for name, rounds in measured.items()
    ]
    return table(head, rows)


def steps_table(titles: Mapping[str, str], measured: Mapping[str, Sequence[Measure]]) -> str:
    """Latency of each step: fastest, p50, p95 and p99, medians over rounds."""
    rows = []
    for name, rounds in measured.items():
        for step in STEPS:
            cells = [f"{middle(milliseconds(rounds, rank, step)):.2f}" for rank in (0.0, 0.50, 0.95, 0.99)]
            rows.append([f"{titles[name]}: {step}", *cells])
    return table(["", "fastest ms", "p50 ms", "p95 ms", "p99 ms"], rows)


def ratios(ours: Sequence[Measure], theirs: Sequence[Measure]) -> list[float]:
    """How many times their requests/s ours are, round by round."""
    return [one.rate / other.rate for one, other in zip(ours, theirs, strict=False)]


def warnings(titles: Mapping[str, str], measured: Mapping[str, Sequence[Measure]]) -> str:
    """Sentences about rounds that cannot be trusted."""
    said = []
    for name, rounds in measured.items():
        for number, one in enumerate(rounds, 1):
            if one.others > DISTURBED:
                said.append(f"WARNING round {number} of {titles[name]}: others used {one.others:.0%} of the machine")
            if one.client_share > SATURATED:
                said.append(
                    f"WARNING round {number} of {titles[name]}: the load generator used {one.client_share:.0%} of its"
                    " core, the server may be faster than this"
                )
    return "\n".join(said)


def as_data(rounds: Sequence[Measure]) -> dict[str, Any]:
    """The rounds of one target for the JSON report: everything but the single latencies."""

    def latency(pick: Callable[[Measure], Sequence[int]]) -> dict[str, list[float]]:
        named = {"fastest": 0.0, "p50": 0.50, "p95": 0.95, "p99": 0.99}
        return {name: [percentile(pick(one), rank) / 1000 for one in rounds] for name, rank in named.items()}

    def step_latency(step: str) -> dict[str, list[float]]:
        return latency(lambda one: one.latencies[step])

    return {
        "requests_per_second": [one.rate for one in rounds],
        "requests": [one.requests for one in rounds],
        "seconds": [one.seconds for one in rounds],
        "milliseconds": latency(lambda one: one.all_latencies),
        "milliseconds_by_step": {step: step_latency(step) for step in STEPS if step in rounds[0].latencies},
        "server_cpu_seconds_per_1000": [one.server_cpu_per_thousand for one in rounds],
        "client_cpu_share": [one.client_share for one in rounds],
        "others_cpu_share": [one.others for one in rounds],
        "peak_memory_bytes": [one.peak_memory for one in rounds],
    }


def write_json(file: Path, data: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(data, indent=2) + "\n")
