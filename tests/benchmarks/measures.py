"""Wall time, processor time and memory of our measures beside the libraries that people would use, on the same table.

Run `make benchmark-measures`, or `python -m tests.benchmarks.measures [--tasks fairness,profile] [--limited] [ROWS …]`;
`--limited` also runs checks in a worker of 2 GiB. What is timed is in `peers`. Rounds are ours, peer, ours, so that a
busy machine favours nobody; a ratio of 10 means that the peer takes ten times what we take around it (the median of
the rounds). Goals are met or not by wall time; the ratio of processor times stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import limited
from tests.benchmarks.applicants import make_table
from tests.benchmarks.peers import ATTRIBUTES, BESIDE, ENVIRONMENTS, MORE_ATTRIBUTES

ROOT = Path(__file__).resolve().parents[2]
SIZES = (100_000, 1_000_000, 10_000_000)
SLOWEST = {"fairlearn": 1_000_000, "evidently": 10_000_000, "ydata-profiling": 10_000_000, "aequitas": 10_000_000}
"""Beyond this many rows a peer takes longer or more memory than anybody has."""
MINUTES, ROUNDS, LONG_SECONDS = 30, 3, 60.0
SCAN = "bare scan"
TASKS = {
    "fairness": (SCAN, "ours, no draws", "fairlearn", "aequitas", "aif360"),
    "performance": (SCAN, "scikit-learn"),
    "drift": (SCAN, "scipy", "evidently"),
    "profile": (SCAN, "pandas", "pandera", "ydata-profiling", "evidently"),
    "overlap": (SCAN, "pandas"),
}
TITLES = {
    "fairness": "fairness of four attributes and their intersection of 1,080 groups, with bootstrap intervals",
    "performance": "every measure of a score and its decisions, exact",
    "drift": "drift of four numbers",
    "profile": "profile of twelve columns, exact",
    "overlap": "rows of one table in another",
}


@dataclass(frozen=True)
class Goal:
    """At so many rows: the peer takes at least `times` our time (at most, for the bare scan), `memory` our memory."""

    rows: int
    times: float
    memory: float | None = None


GOALS = {
    ("fairness", "fairlearn"): Goal(1_000_000, 150, 10),
    ("fairness", "aequitas"): Goal(10_000_000, 30, 10),
    ("fairness", "aif360"): Goal(10_000_000, 20, 10),
    ("fairness", SCAN): Goal(10_000_000, 1 / 5),
    ("performance", "scikit-learn"): Goal(10_000_000, 6, 3),
    ("drift", "scipy"): Goal(10_000_000, 15),
    ("drift", "evidently"): Goal(10_000_000, 40),
    ("profile", "ydata-profiling"): Goal(10_000_000, 60),
    ("profile", "evidently"): Goal(10_000_000, 60),
    ("profile", "pandera"): Goal(10_000_000, 6),
    ("overlap", "pandas"): Goal(10_000_000, 20),
}


@dataclass(frozen=True)
class Spent:
    """What one run of one task took."""

    wall: float
    processor: float
    peak_mib: float


@dataclass(frozen=True)
class Round:
    """A peer's run and the mean of ours right before and after it."""

    peer: Spent
    ours: Spent


def run(peer: str, task: str, path: Path, other: Path) -> Spent | str:
    """One run in a process of its own, or why there is none."""
    command = [sys.executable, "-m", "tests.benchmarks.peers"]
    if peer in ENVIRONMENTS:
        needed = (ENVIRONMENTS[peer], "duckdb", "pyarrow", "pandas", *BESIDE.get(peer, ()))
        environment = [word for name in needed for word in ("--with", name)]
        uv = [str(ROOT / ".tools/bin/uv"), "run", "--no-project", "--quiet", *environment, "python"]
        command = [*uv, str(ROOT / "tests/benchmarks/peers.py")]
    try:
        done = subprocess.run(
            [*command, peer, task, str(path), str(other)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60 * MINUTES,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {MINUTES} minutes"
    except subprocess.CalledProcessError as failed:
        return f"failed: {failed.stderr.strip().splitlines()[-1][:120] if failed.stderr.strip() else failed.returncode}"
    return Spent(**json.loads(done.stdout.splitlines()[-1]))


def rounds(peer: str, task: str, path: Path, other: Path) -> list[Round] | str:
    """Ours, peer, ours, …: up to ROUNDS rounds, fewer of a peer that takes long."""
    before = _ours(task, path, other)
    found: list[Round] = []
    while len(found) < ROUNDS and sum(one.peer.wall for one in found) < LONG_SECONDS:
        peers = run(peer, task, path, other)
        if isinstance(peers, str):
            return peers
        after = _ours(task, path, other)
        mean = Spent(
            (before.wall + after.wall) / 2,
            (before.processor + after.processor) / 2,
            max(before.peak_mib, after.peak_mib),
        )
        found.append(Round(peers, mean))
        before = after
    return found


def _ours(task: str, path: Path, other: Path) -> Spent:
    found = run("ours", task, path, other)
    if isinstance(found, str):
        raise SystemExit(f"Our own {task} {found}.")
    return found


def _middle(found: list[Round]) -> tuple[Spent, Spent, tuple[float, float, float]]:
    """The peer's and our medians, and the medians of the ratios of wall, processor and memory."""
    sides = [[getattr(one, side) for one in found] for side in ("peer", "ours")]
    peer, ours = (
        Spent(*(statistics.median(getattr(one, name) for one in side) for name in ("wall", "processor", "peak_mib")))
        for side in sides
    )
    ratios = [
        statistics.median(getattr(one.peer, name) / getattr(one.ours, name) for one in found)
        for name in ("wall", "processor", "peak_mib")
    ]
    return peer, ours, (ratios[0], ratios[1], ratios[2])


def _cost(name: str, spent: Spent) -> str:
    return f"    {name:<16}{spent.wall:9.2f} s wall {spent.processor:9.2f} s processor {spent.peak_mib:8,.0f} MiB"


def _against(task: str, peer: str, rows: int, ratios: tuple[float, float, float]) -> str:
    wall, processor, memory = ratios
    goal = GOALS.get((task, peer))
    if peer == SCAN:
        line = f"   we take {1 / wall:5.1f} x its time, {1 / processor:.1f} x its processor"
        if goal and goal.rows == rows:
            line += f"   goal at most {1 / goal.times:.0f} x: {'met' if wall >= goal.times else 'NOT MET'}"
        return line
    line = f"   {wall:6.1f} x our time, {processor:6.1f} x our processor, {memory:5.1f} x our memory"
    if goal and goal.rows == rows:
        line += f"   goal {goal.times:g} x: {'met' if wall >= goal.times else 'NOT MET'}"
        if goal.memory:
            line += f", memory {goal.memory:g} x: {'met' if memory >= goal.memory else 'NOT MET'}"
    return line


def _compare(task: str, rows: int, path: Path, other: Path) -> Iterator[tuple[str, Spent | None]]:
    """A line per peer; ours comes first, from the rounds with the bare scan, with what it spent."""
    for peer in TASKS[task]:
        if rows > SLOWEST.get(peer, rows):
            yield f"    {peer:<16}not tried beyond {SLOWEST[peer]:,} rows", None
            continue
        found = rounds(peer, task, path, other)
        if isinstance(found, str):
            yield f"    {peer:<16}{found}", None
            continue
        spent, ours, ratios = _middle(found)
        if peer == SCAN:
            yield _cost("ours", ours), ours
        yield _cost(peer, spent) + _against(task, peer, rows, ratios) + f"   ({len(found)} rounds)", None


def _growth(path: Path, rows: int) -> Iterator[str]:
    """Our time by the number of attributes, and so of groups; the median of three runs, in the same process order."""
    yield f"  growth with attributes and groups at {rows:,} rows (seconds of wall, of processor)"
    for count in range(len(MORE_ATTRIBUTES) + 1):
        asked = [f"counting by {count}"] + ([f"intersection of {count}"] if 0 < count <= len(ATTRIBUTES) else [])
        line = f"    {count} attributes"
        for task in asked:
            spent = [one for _ in range(3) if isinstance(one := run("ours", task, path, path), Spent)]
            if spent:
                wall, processor = (
                    statistics.median(getattr(one, name) for one in spent) for name in ("wall", "processor")
                )
                line += f"   {task}: {wall:.3f}, {processor:.3f}"
        yield line


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(sizes: tuple[int, ...], tasks: tuple[str, ...], *, in_a_worker: bool) -> None:
    """Make tables, run every task by everybody, print."""
    _say(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, Python {platform.python_version()}")
    perrow: dict[str, list[str]] = {task: [] for task in tasks}
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
        for rows in sizes:
            make_table(path, rows, shifted=False)
            make_table(other, rows, shifted=True)
            _say(f"{rows:,} rows")
            for task in tasks:
                _say(f"  {TITLES[task]}")
                for line, ours in _compare(task, rows, path, other):
                    _say(line)
                    if ours:
                        each = (1e9 * ours.wall / rows, 1e9 * ours.processor / rows)
                        perrow[task].append(f"{rows:,}: {each[0]:,.0f} wall, {each[1]:,.0f} processor")
            if "fairness" in tasks and rows == max(size for size in sizes if size <= max(SIZES)):
                for line in _growth(path, rows):
                    _say(line)
        _say("growth with rows (nanoseconds per row)")
        for task, found in perrow.items():
            _say(f"  {task:<12} {'   '.join(found)}")
        if in_a_worker:
            for line in limited.lines(path, other, max(sizes)):
                _say(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--limited", action="store_true")
    parser.add_argument("rows", nargs="*", type=int)
    asked = parser.parse_args()
    main(tuple(asked.rows) or SIZES, tuple(asked.tasks.split(",")), in_a_worker=asked.limited)
