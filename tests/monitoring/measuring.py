"""Readings measured in the process of the test, for tests of what follows from their numbers.

All but the limited child is the portal's own; that child takes a third of a second of processor time. Tests of what it
refuses, keeps and reports let the portal start it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.utils import timezone

from approvals.checks._readings import reading_as_json, reading_from_json
from approvals.checks.base import CheckInputError, Job, build
from approvals.checks.base import Reading as Measured
from approvals.sandbox import SandboxError
from monitoring import batch_facts, inputs, monitors, running
from monitoring.models import Batch, Reading
from monitoring.monitors.base import MonitorKind


def read(batch: Batch, key: str) -> Reading:
    """The reading of one monitor."""
    return read_here(Reading.objects.get(batch=batch, monitor__key=key))


def read_all_here(batch: Batch) -> dict[str, Reading]:
    """The readings of all monitors, by their keys."""
    rows = Reading.objects.filter(batch=batch).select_related("monitor")
    return {row.monitor.key: read_here(row) for row in rows}


def read_here(waiting: Reading) -> Reading:
    """The same reading when it is done, also where there is none because of what the batch is."""
    assert not batch_facts.waits_for_earlier(waiting)
    token = running.claim(waiting.pk, now=timezone.now())
    assert token is not None
    row, kind = Reading.objects.get(pk=waiting.pk), monitors.find(waiting.monitor.key)
    assert kind is not None
    try:
        result = running._judged(row, token, kind, _measured(row, kind))
    except CheckInputError as error:
        kind_of_failure = {CheckInputError.kind: "input"}[error.kind]  # what is about connections is for the child
        result = running._without_answer(row, SandboxError(error.sentence, kind=kind_of_failure))
    assert running.finish(row.pk, token, result=result, now=timezone.now())
    row.refresh_from_db()
    return row


def _measured(row: Reading, kind: type[MonitorKind]) -> Measured:
    asked = inputs.of_reading(row, kind)
    parameters = build(kind.Parameters, asked.parameters, owner=kind.title)
    thresholds, *further = (
        build(kind.Thresholds, given, owner=kind.title) for given in (asked.thresholds, *asked.further_thresholds)
    )
    with tempfile.TemporaryDirectory() as folder:
        job = Job(asked.inputs, asked.facts, parameters, asked.seed, Path(folder), thresholds, None, tuple(further))
        # As JSON and back, as it comes out of the child.
        return reading_from_json(reading_as_json(kind().measure(job, lambda share, text: None)))
