"""Reads facts about the machine and the resource usage of processes from Linux's /proc."""

import os
import platform
import resource
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PEERS: Final = ROOT / "bench" / ".peers"
"""Everything the bench installs or writes; ignored by git."""

TICKS: Final = os.sysconf("SC_CLK_TCK")
PROC: Final = Path("/proc")


def make_folder(prefix: str) -> Path:
    """A new empty folder for one server's data, on the checkout's disk: /tmp is memory on many machines."""
    place = PEERS / "data"
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=place))


def read_facts() -> dict[str, str]:
    """The facts without which a figure means nothing."""
    load = os.getloadavg()[0]
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": f"{os.cpu_count()} x {_read_cpu_model()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "flush": f"{measure_flush() * 1000:.2f} ms (fdatasync of 4 KiB, median of 100)",
        "commit": _read_commit(),
        "load": f"{load:.2f} (before the run, one minute)",
    }


def _read_cpu_model() -> str:
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _read_commit() -> str:
    """The commit that is checked out, read from .git: git itself may not be there."""
    git = ROOT / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:12]
        ref = head.removeprefix("ref: ")
        if (git / ref).exists():
            return (git / ref).read_text().strip()[:12]
        for line in (git / "packed-refs").read_text().splitlines():
            if line.endswith(f" {ref}"):
                return line[:12]
    except OSError:
        pass
    return "unknown"


def measure_flush() -> float:
    """Seconds that one small durable write takes where the servers keep their data."""
    folder = make_folder("flush")
    file = folder / "flush"
    took: list[float] = []
    with file.open("wb", buffering=0) as out:
        for _ in range(100):
            start = time.perf_counter()
            out.write(bytes(4096))
            os.fdatasync(out.fileno())
            took.append(time.perf_counter() - start)
    file.unlink()
    folder.rmdir()
    return median(took)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far: by a server's processes, by the bench with its finished load generators, by everything.

    `at` is the moment, in seconds of the monotonic clock.
    """

    at: float
    server: float
    bench: float
    machine: float


def read_usage(roots: list[int]) -> Usage:
    """CPU used so far; the server is the processes `roots` and those below them."""
    server = 0
    for process in _find_tree(roots):
        fields = _read_stat(process)
        if fields:
            server += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]
    )
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(
        at=time.monotonic(),
        server=server / TICKS,
        bench=mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime,
        machine=(user + nice + system + irq + softirq + steal) / TICKS,
    )


def read_peak_memory(roots: list[int]) -> int:
    """Bytes: the high-water mark of resident memory, summed over the processes. Shared pages count once for each
    process.
    """
    total = 0
    for process in _find_tree(roots):
        try:
            status = (PROC / str(process) / "status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


def _read_stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (state), or none when the process is gone."""
    try:
        return (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _find_tree(roots: list[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            fields = _read_stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    tree = set(roots)
    while True:
        more = {child for child, parent in parents.items() if parent in tree} - tree
        if not more:
            return tree
        tree |= more
