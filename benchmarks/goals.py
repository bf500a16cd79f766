"""What our measures must reach beside other libraries, and whether they do."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.running import Compared

SCAN = "bare scan"


@dataclass(frozen=True)
class Goal:
    """At so many rows: the peer takes at least `times` our time by the clock, and `memory` our memory at the peak.

    For the bare scan, that reads the same columns and no more, `times` is the most that we take of its time.
    """

    rows: int
    times: float
    memory: float | None = None


GOALS = {
    ("fairness", "fairlearn"): Goal(1_000_000, 150),
    ("fairness", "aequitas"): Goal(10_000_000, 30, 10),
    ("fairness", "aif360"): Goal(10_000_000, 20, 10),
    ("fairness", SCAN): Goal(10_000_000, 5),
    ("performance", "scikit-learn"): Goal(10_000_000, 6, 3),
    ("drift", "scipy"): Goal(10_000_000, 15),
    ("drift", "evidently"): Goal(10_000_000, 40),
    ("profile", "ydata-profiling"): Goal(10_000_000, 60),
    ("profile", "evidently"): Goal(10_000_000, 60),
    ("profile", "pandera"): Goal(10_000_000, 6),
    ("overlap", "pandas"): Goal(10_000_000, 20),
}
LONG_GOALS = {("fairness", "fairlearn"): Goal(10_000_000, 150, 10)}
"""Goals at sizes at which a peer takes so long that it runs only where that is asked for.

Memory beside fairlearn is judged here, at the rows at which it is judged beside the others: at 10^6 rows Python, NumPy
and DuckDB with the file opened take a tenth of fairlearn's peak before a row is read. The ratio there is printed.
"""


def verdict(task: str, peer: str, rows: int, found: Compared) -> str:
    """The goal of this comparison and whether it is met; empty where there is none."""
    named = (goals.get((task, peer)) for goals in (GOALS, LONG_GOALS))
    goal = next((one for one in named if one and one.rows == rows), None)
    if goal is None:
        return ""
    if peer == SCAN:
        return f"at most {goal.times:g}: {_met(1 / found.times.wall <= goal.times)}"
    said = f"{goal.times:g}: {_met(found.times.wall >= goal.times)}"
    if goal.memory:
        said += f"; memory {goal.memory:g}: {_met(found.times.peak_mib >= goal.memory)}"
    return said


def unmeasured(
    rows: tuple[int, ...], tasks: tuple[str, ...], measured: set[tuple[str, str, int]], *, is_long: bool
) -> list[str]:
    """Goals of this run that nothing was measured for, which are not met; those of long runs only in one."""
    return [
        f"{task} beside {peer} at {goal.rows:,} rows"
        for (task, peer), goal in (*GOALS.items(), *(LONG_GOALS.items() if is_long else ()))
        if task in tasks and goal.rows in rows and (task, peer, goal.rows) not in measured
    ]


def _met(is_met: bool) -> str:  # noqa: FBT001 - the only thing that it is about
    return "met" if is_met else "**NOT MET**"
