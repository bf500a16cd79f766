"""Checks of a large table in a worker of 2 GiB, through the sandbox that runs every check: time and peak of memory."""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvals.checks.base import Check, Input, Job, Judgement, Reading, Report
from approvals.checks.group_fairness import GroupFairness
from approvals.checks.performance import Performance
from approvals.measures.drift import numeric_drift
from approvals.measures.report import profile_report
from approvals.measures.tables import open_table
from approvals.sandbox import JobDescription, Limits, SandboxError, measure_in_child
from benchmarks.peers import ATTRIBUTES, DRIFTING

LIMITS = Limits(memory_mb=2048, cpu_seconds=7200, wall_seconds=7200, file_mb=20_480)


@dataclass(frozen=True)
class Parameters:
    """None."""


@dataclass(frozen=True)
class Thresholds:
    """None."""


class _Measured(Check):
    """Measures for the sake of its time; judges nothing."""

    version = "1"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        raise NotImplementedError


class Drift(_Measured):
    """Drift of four numbers, as the monitors measure it."""

    title = "Drift"

    def measure(self, job: Job, report: Report) -> Reading:
        paths = [job.input(kind).path for kind in ("training_table", "evaluation_table")]
        with open_table(paths[0], spill=job.work) as reference, open_table(paths[1], spill=job.work) as current:
            for i, name in enumerate(DRIFTING):
                report(i / len(DRIFTING), name)
                numeric_drift(reference, current, column=name)
        return Reading(measures=(), looked_at=())


class Profile(_Measured):
    """The profile of twelve columns."""

    title = "Profile"

    def measure(self, job: Job, report: Report) -> Reading:
        with open_table(job.input("evaluation_table").path, spill=job.work) as table:
            profile_report(table)
        return Reading(measures=(), looked_at=())


COMPARED = {"attributes": [*([name] for name in ATTRIBUTES), list(ATTRIBUTES)]}
CHECKS: tuple[tuple[type[Check], dict[str, Any]], ...] = (
    (GroupFairness, COMPARED),
    (Performance, {}),
    (Drift, {}),
    (Profile, {}),
)


def lines(path: Path, other: Path, rows: int) -> Iterator[str]:
    """One line per check."""
    yield f"in a worker of {LIMITS.memory_mb:,} MiB, {rows:,} rows"
    digests = []
    for place in (path, other):
        with place.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    details = {"label": "label", "prediction": "prediction", "score": "score", "groups": list(ATTRIBUTES)}
    inputs = {
        "evaluation_table": Input("evaluation_table", path, path.name, digests[0], details=details),
        "training_table": Input("training_table", other, other.name, digests[1]),
    }
    for check, parameters in CHECKS:
        start = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            measure_in_child(check=check, job=JobDescription(inputs=inputs, parameters=parameters), limits=LIMITS)
            outcome = "done"
        except SandboxError as error:
            outcome = f"{error.kind}: {error.sentence}"
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        yield (
            f"  {check.title:<16}{time.perf_counter() - start:9.1f} s wall {processor:9.1f} s processor, "
            f"highest peak so far {after.ru_maxrss / 1024:,.0f} MiB: {outcome}"
        )
