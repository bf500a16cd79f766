"""Three months of a deployed version, told through the use cases; what the monitors found is written down here.

January is calm, February never came, March warns and has no outcomes, April breaches and is suspended.
"""

import io
from datetime import UTC, date, datetime

from approvals import workflow
from approvals.measures.values import Measure
from approvals.models import ModelVersion
from approvals.stages import Role
from monitoring import batches, running
from monitoring.models import Reading
from tests.cast import SAFE, TABLE, tiny_table

MONITORS = [
    {
        "monitor": "feature_drift",
        "thresholds": {"max_psi": 0.25},
        "warn": {"max_psi": 0.1},
        "critical": {"max_psi": 1.0},
        "severity": "high",
    },
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "severity": "high"},
    {"monitor": "staleness", "severity": "medium"},
]
FEATURES = ("amount", "=age", "income")
JANUARY, MARCH, APRIL = (
    (date(2026, 1, 1), date(2026, 1, 31)),
    (date(2026, 3, 1), date(2026, 3, 31)),
    (date(2026, 4, 1), date(2026, 4, 30)),
)
PSI = {
    JANUARY: {"amount": 0.01, "=age": 0.02, "income": 0.0314159265},
    MARCH: {"amount": 0.01, "=age": 0.15, "income": 0.04},
    APRIL: {"amount": 0.02, "=age": 0.12, "income": 1.5},
}
AUC = {
    JANUARY: Measure("ROC AUC", 0.83, 200, low=0.78, high=0.88, method="DeLong", level=0.95),
    MARCH: None,
    APRIL: None,
}
SHARES = {"income": {"bins": ["low", "high"], "reference": [0.5, 0.5], "current": [0.125, 0.875]}}
VERDICTS = {JANUARY: ("ok", 0), MARCH: ("warning", 1), APRIL: ("breach", 3)}
NAMES = {JANUARY: "January", MARCH: "March", APRIL: "=April"}


def deployed(cast):
    """A version in monitoring under these monitors."""
    cast.publish(monitors=MONITORS)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    for _ in range(7):
        cast.advance(version)
    return ModelVersion.objects.get(pk=version.pk)


def told(cast):
    """The whole history; April comes before March does."""
    version = deployed(cast)
    for window in (JANUARY, APRIL, MARCH):
        deliver(cast, version, window)
    workflow.suspend(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    return ModelVersion.objects.get(pk=version.pk)


def deliver(cast, version, window):
    """A batch of the window, read by both monitors."""
    start, end = window
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(tiny_table(seed=start.month + 10)),
        name=NAMES[window],
        window_start=start,
        window_end=end,
    )
    verdict, level = VERDICTS[window]
    measures = [Measure(f"PSI of {name}", value, 400) for name, value in PSI[window].items()]
    failed = [measure for measure in measures if (measure.value or 0) > 0.25]
    numbers = {
        "measures": [measure.as_json() for measure in measures],
        "details": {"columns": list(FEATURES), "distributions": SHARES},
        "failed_measures": [measure.as_json() for measure in failed],
    }
    finish(batch, "feature_drift", running.Result(verdict, ("PSI of income.",), numbers, level=level))
    found = AUC[window]
    numbers = {
        "measures": [found.as_json()] if found else [],
        "details": {"labelled": bool(found)},
        "failed_measures": [],
    }
    said = (
        running.Result("ok", ("Fine.",), numbers, level=0)
        if found
        else running.Result("no_labels", ("Later.",), numbers)
    )
    finish(batch, "performance", said)
    return batch


def finish(batch, key, result):
    """Record what a monitor found in a batch."""
    row = Reading.objects.get(batch=batch, monitor__key=key)
    now = datetime.now(UTC)
    token = running.claim(row.pk, now=now)
    assert running.finish(row.pk, token, result=result, now=now)
