"""What a reading, and the matching of a delivery, look at: files, what they refer to, and what was declared of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from approvals import referring
from approvals.checks.base import Input
from approvals.measures.reading import TableError
from approvals.measures.references import Referenced, RelationReference
from approvals.models import Evidence, ModelVersion
from approvals.sandbox import JobDescription, SandboxError
from monitoring import batch_facts, outcomes_in_use, references
from monitoring.models import Batch, Matching, OutcomeDelivery, Reading
from monitoring.monitors._late_outcomes import EARLIER, LATER, SECONDS_FACT, numbered
from monitoring.monitors.base import BATCH, OUTCOMES, REFERENCE, MonitorKind
from portal.table_places import TablePlace

SEED = 20_240_613


def of_reading(row: Reading, kind: type[MonitorKind]) -> JobDescription:
    """Raises SandboxError if something is missing that the reading needs."""
    if not kind.needs_batch:
        facts = {"days": _days_without(row), "every_days": row.monitor.every_days}
        return JobDescription(inputs={}, facts=facts, parameters=row.monitor.parameters, seed=SEED)
    reference, batch = row.compared_with, row.batch
    if reference is None or batch is None:
        raise SandboxError("There is no approved evaluation table to compare the batch with.", kind="input")
    version = row.monitor.version
    inputs = {
        REFERENCE: Input(
            kind=REFERENCE,
            path=reference.file.path,
            name=reference.name,
            sha256=reference.file.sha256,
            artifact_sha256=reference.artifact_sha256,
            details=reference.details,
            table=_table(version, reference.file.path, reference.name, reference.uploaded_at),
        ),
        BATCH: Input(
            kind=BATCH,
            path=batch.file.path,
            name=batch.name,
            sha256=batch.file.sha256,
            artifact_sha256="",
            details=reference.details,
            table=_table(version, batch.file.path, batch.name, batch.received_at),
        ),
    }
    named = [int(entry["delivery"]) for entry in row.outcomes]
    found = OutcomeDelivery.objects.select_related("file", "version__model").in_bulk(named)
    for place, number in enumerate(named, start=1):
        inputs[numbered(OUTCOMES, place)] = _delivery(found[number], OUTCOMES)
    return JobDescription(
        inputs=inputs,
        facts=batch_facts.facts_for(row, kind),
        parameters=row.monitor.parameters,
        seed=SEED,
        thresholds=row.monitor.thresholds,
        further_thresholds=tuple(given for given in (row.monitor.warn, row.monitor.critical) if given),
    )


def of_matching(row: Matching) -> tuple[JobDescription, dict[str, str]]:
    """What the delivery is set beside, and by number of the batch why one is not looked at. SandboxError as above."""
    version, troubles = row.delivery.version, {}
    inputs = {OUTCOMES: _delivery(row.delivery, OUTCOMES)}
    reference = references.in_force_at(version, row.delivery.received_at)
    if reference is not None:
        inputs |= _approved(reference, version)
    joined = references.joins(reference)
    others = outcomes_in_use.in_use(version)
    inputs |= _as(EARLIER, others.filter(pk__lt=row.delivery_id), version, joined)
    inputs |= _as(LATER, others.filter(pk__gt=row.delivery_id), version, joined)  # where it is matched again
    for batch in Batch.objects.filter(version=version).select_related("file").order_by("pk"):
        try:
            table = _table(version, batch.file.path, batch.name, batch.received_at)
        except SandboxError as error:
            troubles[str(batch.pk)] = error.sentence
            continue
        approved = references.of_batch(batch)
        if references.joins(approved) != joined:
            troubles[str(batch.pk)] = f"“{batch.name}” came when another key or outcome column was declared."
            continue
        inputs[numbered(BATCH, batch.pk)] = Input(
            kind=BATCH,
            path=batch.file.path,
            name=batch.name,
            sha256=batch.file.sha256,
            details=approved.details if approved is not None else {},
            table=table,
        )
    facts = {SECONDS_FACT: settings.CHECK_SECONDS / 3}
    return JobDescription(inputs=inputs, facts=facts, seed=SEED), troubles


def of_taking(version: ModelVersion, reference: RelationReference, place: TablePlace, output: Path) -> JobDescription:
    """A relation of outcomes, and what was delivered before. SandboxError as above."""
    approved = references.in_force(version)
    table = Referenced(reference, place.target, system_tables=place.system_tables)
    details = approved.details if approved is not None else {}
    piece = Input(kind=OUTCOMES, path=Path(__file__), name=reference.relation, sha256="", details=details, table=table)
    earlier = _as(EARLIER, outcomes_in_use.in_use(version), version, references.joins(approved))
    return JobDescription(inputs={OUTCOMES: piece, **earlier}, seed=SEED, output=output)


def _approved(reference: Evidence, version: ModelVersion) -> dict[str, Input]:
    """The approved table, to see which classes there are; nothing if it cannot be had, which readings say."""
    try:
        table = _table(version, reference.file.path, reference.name, reference.uploaded_at)
    except SandboxError:
        return {}
    path, digest = reference.file.path, reference.file.sha256
    piece = Input(REFERENCE, path, reference.name, digest, details=reference.details, table=table)
    return {REFERENCE: piece}


def _as(
    kind: str, deliveries: QuerySet[OutcomeDelivery], version: ModelVersion, joined: tuple[str, str]
) -> dict[str, Input]:
    """Those that are joined by the same columns, in the order they came."""
    return {
        numbered(kind, delivery.pk): _delivery(delivery, kind)
        for delivery in deliveries.select_related("file", "version__model")
        if references.joins(references.in_force_at(version, delivery.received_at)) == joined
    }


def _delivery(delivery: OutcomeDelivery, kind: str) -> Input:
    approved = references.in_force_at(delivery.version, delivery.received_at)
    return Input(
        kind=kind,
        path=delivery.file.path,
        name=delivery.name,
        sha256=delivery.file.sha256,
        details={**(approved.details if approved is not None else {}), "corrects": delivery.corrects},
        table=_table(delivery.version, delivery.file.path, delivery.name, delivery.received_at),
    )


def _table(version: ModelVersion, path: Path, name: str, at: datetime) -> Referenced | None:
    """Where a table refers to, if it does. Raises SandboxError: without the table there is no reading."""
    try:
        return referring.table_in(path, name=name, model=version.model, attached=at)
    except TableError as error:
        raise SandboxError(error.sentence, kind="input") from None
    except OSError:
        return None  # the process that measures says that the bytes are gone


def _days_without(row: Reading) -> int:
    """Days from the last covered day to when the reading was ordered."""
    since = row.overdue_since or row.requested_at
    return row.monitor.every_days + max(1, (row.requested_at - since).days)
