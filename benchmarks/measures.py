"""Wall time, processor time and memory of our measures beside the libraries that people would use, on the same table.

Run `make benchmark-measures`, or `python benchmarks/measures.py [--tasks fairness,profile] [--long] [--limited]
[--to FILE] [ROWS …]`. What is printed is Markdown, ready for docs/benchmarks.md; it is written to FILE as well, line by
line. `--long` also runs fairlearn at 10,000,000 rows, for its memory: it takes 10 minutes or more and about 7 GB, and
is stopped after an hour. `--limited` also runs checks in a worker of 2 GiB. What is timed is in `peers`. Rounds are
ours, peer, ours, so that a busy machine favours nobody; a ratio of 10 means that the peer takes ten times what we take
around it (the median of the rounds). Goals are met or not by wall time and by all memory; other ratios stand beside
them. A peer that fails is named with what it said, and the run goes on.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

if not __package__:  # started by its path: the folder of the project, instead of its own, is where names are found
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.applicants import LEVELS, make_table
from benchmarks.goals import SCAN, unmeasured, verdict
from benchmarks.peers import ATTRIBUTES, MORE_ATTRIBUTES
from benchmarks.running import LONG_MINUTES, MINUTES, Compared, Spent, compare, median_of, run

SIZES = (100_000, 1_000_000, 10_000_000)
MOST_ROWS = 10_000_000
FEWER_ROWS = {"fairlearn": 1_000_000}
"""Beyond so many rows a peer takes longer or more memory than anybody has."""
SECONDS = {100_000: 8.0, 1_000_000: 25.0}
LONGEST_SECONDS = 45.0
"""After so long, starting included, a peer gets no further round; of a small table most of it is spent starting."""
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
HEAD = (
    "| task | who | wall s | processor s | peak MiB | own MiB | wall | processor | peak | own | goal | rounds |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)
Say = Callable[[str], None]


def _cost(spent: Spent) -> str:
    return f"{spent.wall:.2f} | {spent.processor:.2f} | {spent.peak_mib:,.0f} | {spent.own_mib:,.0f}"


def _ratios(peer: str, times: Spent) -> str:
    found = (times.wall, times.processor, times.peak_mib, times.own_mib)
    if peer == SCAN:  # here it is what we take of its time
        return " | ".join(f"we: {1 / one:.1f}" for one in found)
    return " | ".join(f"{one:.1f}" for one in found)


def _lines(
    task: str, rows: int, path: Path, other: Path, *, is_long: bool
) -> Iterator[tuple[str, str, Compared | None]]:
    """A peer, its line, and what it is made of; the line of ours comes first, from the rounds with the bare scan."""
    for peer in TASKS[task]:
        most = MOST_ROWS if is_long else FEWER_ROWS.get(peer, MOST_ROWS)
        if rows > most and peer != SCAN and not peer.startswith("ours"):
            yield peer, f"| {task} | {peer} | not tried beyond {most:,} rows | | | | | | | | | |", None
            continue
        minutes = LONG_MINUTES if rows > FEWER_ROWS.get(peer, MOST_ROWS) else MINUTES
        found = compare(peer, task, path, other, seconds=SECONDS.get(rows, LONGEST_SECONDS), minutes=minutes)
        if isinstance(found, str):
            yield peer, f"| {task} | {peer} | {found.replace('|', '/')} | | | | | | | | | |", None
            continue
        if peer == SCAN:
            yield "ours", f"| {task} | **ours** | {_cost(found.ours)} | | | | | | |", found
        goal = verdict(task, peer, rows, found)
        line = f"{_cost(found.peer)} | {_ratios(peer, found.times)} | {goal} | {found.rounds}"
        yield peer, f"| {task} | {peer} | {line} |", found


def _growth(path: Path, rows: int, say: Say) -> None:
    """Our time by the number of attributes, and so of groups; the median of three runs."""
    say(f"\nGrowth with attributes and groups at {rows:,} rows (wall s, processor s):\n")
    say("| attributes | groups | counting only | whole fairness of their intersection |\n|---|---|---|---|")
    for count in range(len(MORE_ATTRIBUTES) + 1):
        asked = [f"counting by {count}"] + ([f"intersection of {count}"] if 0 < count <= len(ATTRIBUTES) else [])
        found = [median_of(task, path, runs=3) for task in asked]
        cells = [f"{one.wall:.3f}, {one.processor:.3f}" if isinstance(one, Spent) else one for one in found]
        groups = math.prod(LEVELS[name] for name in MORE_ATTRIBUTES[:count])
        say(f"| {count} | {groups:,} | {' | '.join((*cells, '')[:2])} |")


def _rows(
    rows: int, tasks: tuple[str, ...], path: Path, other: Path, say: Say, *, is_long: bool
) -> dict[tuple[str, str], Compared]:
    say(f"\n{rows:,} rows:\n\n{HEAD}")
    every = {}
    for task in tasks:
        for peer, line, found in _lines(task, rows, path, other, is_long=is_long):
            say(line)
            if found:
                every[task, peer] = found
    return every


def main(sizes: tuple[int, ...], tasks: tuple[str, ...], say: Say, *, in_a_worker: bool, is_long: bool) -> None:
    """Make tables, run every task by everybody, print."""
    start = time.monotonic()
    say(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}. Ratios are the peer's multiples of ours; own MiB are without mapped files."
    )
    say("".join(f"\n- {task}: {TITLES[task]}" for task in tasks))
    measured: dict[tuple[str, str, int], Compared] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
        for rows in sizes:
            make_table(path, rows, shifted=False)
            make_table(other, rows, shifted=True)
            run("ours", tasks[0], path, other)  # brings programs and tables into memory; nobody counts it
            found = _rows(rows, tasks, path, other, say, is_long=is_long)
            measured |= {(*names, rows): one for names, one in found.items()}
            if "fairness" in tasks and rows == max((size for size in sizes if size <= MOST_ROWS), default=0):
                _growth(path, rows, say)
        say("\nGrowth with rows (ours, nanoseconds per row: wall, processor):\n")
        say(f"| task | {' | '.join(f'{rows:,}' for rows in sizes)} |\n|---|{'---|' * len(sizes)}")
        for task in tasks:
            say(f"| {task} | {' | '.join(_per_row(measured.get((task, 'ours', rows)), rows) for rows in sizes)} |")
        for lacking in unmeasured(sizes, tasks, set(measured), is_long=is_long):
            say(f"\n**NOT MET**, because nothing was measured: {lacking}.")
        say(f"\nTook {(time.monotonic() - start) / 60:.0f} minutes; load at the end {os.getloadavg()[0]:.1f}.")
        if in_a_worker:
            from benchmarks import limited  # noqa: PLC0415 - loads the whole portal

            say("\n```")
            for line in limited.lines(path, other, max(sizes)):
                say(line)
            say("```")


def _per_row(found: Compared | None, rows: int) -> str:
    return f"{1e9 * found.ours.wall / rows:,.0f}, {1e9 * found.ours.processor / rows:,.0f}" if found else ""


def _saying(to: Path | None) -> Say:
    if to:
        to.write_text("", encoding="utf-8")

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if to:
            with to.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")

    return say


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--limited", action="store_true")
    parser.add_argument("--to", type=Path)
    parser.add_argument("rows", nargs="*", type=int)
    asked = parser.parse_args()
    chosen = tuple(asked.rows) or SIZES
    main(chosen, tuple(asked.tasks.split(",")), _saying(asked.to), in_a_worker=asked.limited, is_long=asked.long)
