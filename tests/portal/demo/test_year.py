"""A year of monthly batches with a drift of known size from month 8 on, at the thresholds of the shipped policy.

The monitors measure in this process; in test_seed the portal reads two months of the demonstration in full.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from approvals.checks.base import Input, Job, build
from approvals.policy_document import parse
from monitoring import monitors
from monitoring.alarms import Level, Mark, trajectory
from monitoring.monitor_settings import settings_of
from monitoring.monitors.base import BATCH, REFERENCE
from portal.management.demo.applications import sha256
from portal.management.demo.batches import DRIFTS_FROM, MONTHS, monthly_batches
from portal.management.demo.training import SEED, train_mitigated
from portal.management.demo.whole import TEMPLATES

POLICY = parse((TEMPLATES / "high_tier.yaml").read_text("utf-8"))


def table(folder: Path, kind: str, name: str, content: bytes, details: Any) -> Input:
    path = folder / f"{name}.csv"
    path.write_bytes(content)
    return Input(kind, path, path.name, sha256(content), "", details)


def level_of(inputs: dict[str, Input], asked: Any, folder: Path) -> Level | None:
    kind = monitors.find(asked.key)
    assert kind is not None
    monitor = kind()
    thresholds = build(kind.Thresholds, asked.thresholds, owner=asked.key)
    job = Job(inputs, {}, build(kind.Parameters, asked.parameters, owner=asked.key), 1, folder, thresholds)
    reading = monitor.measure(job, lambda share, what: None)
    return monitor.graded(reading, monitor.judge(reading, thresholds), warn=None, critical=None).level


@pytest.mark.parametrize("seed", [SEED, 2026])
def test_the_drift_is_detected_in_its_first_month_and_nothing_before(seed: int, tmp_path: Path) -> None:
    trained = train_mitigated()
    reference = table(tmp_path, REFERENCE, "reference", trained.evaluation_csv, trained.declaration)
    months = monthly_batches(seed, trained)
    assert len(months) == MONTHS
    found: dict[str, list[Mark]] = {}
    for number, month in enumerate(months[:DRIFTS_FROM], 1):
        batch = table(tmp_path, BATCH, month.name, month.table, trained.declaration)
        for asked in (settings_of(entry) for entry in POLICY.monitors if entry["monitor"] != "staleness"):
            level = level_of({REFERENCE: reference, BATCH: batch}, asked, tmp_path)
            found.setdefault(asked.key, []).append(Mark(date(2026, number, 1), level))
    alarms = {key: [standing.level for standing in trajectory(marks)] for key, marks in found.items()}
    assert set(alarms) == {"data_quality", "feature_drift", "score_drift", "performance", "calibration", "fairness"}
    before = {key: levels[:-1] for key, levels in alarms.items() if any(levels[:-1])}
    assert before == {}, "nothing is wrong before the drift begins"
    assert alarms["feature_drift"][-1] == Level.ALERT
