"""Runs of our measures and of other libraries, each in a process of its own, in rounds of ours, peer, ours."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.peers import BESIDE, ENVIRONMENTS

ROOT = Path(__file__).resolve().parents[1]
MINUTES, LONG_MINUTES, ROUNDS = 20, 60, 3
"""After so long a run is stopped, which is said; a long one is one that is known to take long."""


@dataclass(frozen=True)
class Spent:
    """What a task took: seconds, and MiB at the peak, also without the pages of files that are only mapped."""

    wall: float
    processor: float
    peak_mib: float
    own_mib: float


NAMES = tuple(field.name for field in fields(Spent))


@dataclass(frozen=True)
class Compared:
    """Medians of a peer and of ours around it, the medians of the peer's multiples of ours, and the rounds behind."""

    peer: Spent
    ours: Spent
    times: Spent
    rounds: int


def run(peer: str, task: str, path: Path, other: Path, *, minutes: int = MINUTES) -> Spent | str:
    """One run, stopped after so long, or why there is none."""
    command = [sys.executable, "-m", "benchmarks.peers"]
    if peer in ENVIRONMENTS:
        needed = (ENVIRONMENTS[peer], "duckdb", "pyarrow", "pandas", *BESIDE.get(peer, ()))
        environment = [word for name in needed for word in ("--with", name)]
        uv = [str(ROOT / ".tools/bin/uv"), "run", "--no-project", "--quiet", *environment, "python"]
        command = [*uv, str(ROOT / "benchmarks/peers.py")]
    try:
        return _answer([*command, peer, task, str(path), str(other)], minutes)
    except subprocess.TimeoutExpired:
        return f"stopped after {minutes} minutes"
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"failed: {error}"[:160]


def _answer(command: list[str], minutes: int) -> Spent | str:
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, said = process.communicate(timeout=60 * minutes)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # uv and what it started
            raise
    if process.returncode:
        return f"failed: {(said.strip().splitlines() or [f'exit {process.returncode}'])[-1][:160]}"
    return Spent(**json.loads(out.splitlines()[-1]))


def compare(peer: str, task: str, path: Path, other: Path, *, seconds: float, minutes: int = MINUTES) -> Compared | str:
    """Rounds of ours, peer, ours, up to ROUNDS, and no new one after so many seconds; or why there is none."""
    start = time.monotonic()
    before = run("ours", task, path, other)
    found: list[tuple[Spent, Spent]] = []
    while len(found) < ROUNDS and (not found or time.monotonic() - start < seconds):
        peers = run(peer, task, path, other, minutes=minutes)
        after = run("ours", task, path, other)
        for one, whose in ((before, "ours "), (peers, ""), (after, "ours ")):
            if isinstance(one, str):
                return f"{whose}{one}"
        if isinstance(before, Spent) and isinstance(peers, Spent) and isinstance(after, Spent):
            found.append((peers, _mean(before, after)))
        before = after
    return Compared(
        peer=_of(lambda name: statistics.median(getattr(peer, name) for peer, _ in found)),
        ours=_of(lambda name: statistics.median(getattr(ours, name) for _, ours in found)),
        times=_of(lambda name: statistics.median(getattr(peer, name) / getattr(ours, name) for peer, ours in found)),
        rounds=len(found),
    )


def median_of(task: str, path: Path, *, runs: int) -> Spent | str:
    """The medians of several runs of ours, or why there are none."""
    found = [run("ours", task, path, path) for _ in range(runs)]
    spent = [one for one in found if isinstance(one, Spent)]
    if len(spent) < len(found):
        return next(one for one in found if isinstance(one, str))
    return _of(lambda name: statistics.median(getattr(one, name) for one in spent))


def _mean(one: Spent, other: Spent) -> Spent:
    return _of(lambda name: (getattr(one, name) + getattr(other, name)) / 2)


def _of(value: Callable[[str], float]) -> Spent:
    return Spent(*(value(name) for name in NAMES))
