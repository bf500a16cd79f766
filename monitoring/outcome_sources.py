"""Outcomes taken from a relation of a named connection, each time those that nobody delivered before, as a file.

What is taken is a delivery like any other, matched and used as a whole. Other outcomes than before are taken only when
a person says that they correct, and why.
"""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import referring, refusals, telling
from approvals.events import Event as ApprovalsEvent
from approvals.measures.references import RelationReference
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.referring import CONNECTION
from approvals.sandbox import DENIED, Limits, SandboxError, measure_in_child
from monitoring import batches, inputs, outcomes, pauses
from monitoring.events import Event
from monitoring.models import Matching, MatchVerdict, OutcomeDelivery, OutcomeSource, Schedule
from monitoring.monitors._outcome_taking import FILE, OutcomeTaking
from monitoring.source_windows import window_of
from portal import hints, ledger, notify
from portal.errors import BadInput, DomainError, Refused
from portal.texts import require_reason

TAKE_TASK = "monitoring.tasks.take_outcomes"
UNDER_WAY = (RunStatus.QUEUED, RunStatus.RUNNING)
LARGEST_FILE = 2_000_000_000
"""Bytes of the file of new outcomes; they are two columns."""


def declare(
    *, version_id: int, actor: User, connection: str, relation: str, schedule: str, now: datetime | None = None
) -> OutcomeSource:
    """Name the relation that outcomes are taken from. Only who delivers outcomes and may refer to the connection."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    with _recorded(version, actor, "declare source of outcomes"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        batches.require_may_deliver(version, actor)
        outcomes.joining_columns(version)
        referring.require_relation(actor, version.model, connection, relation)
        if schedule not in Schedule.values:
            raise BadInput("Choose how often outcomes are taken.", field="schedule")
        known = OutcomeSource.objects.filter(version=version, connection=connection, relation=relation, ended_at=None)
        if known.exists():
            raise BadInput("Outcomes of the version are taken from this relation already.", field="relation")
        source = OutcomeSource.objects.create(
            version=version,
            connection=connection,
            relation=relation,
            schedule=schedule,
            declared_by=actor,
            declared_at=now,
        )
        _record(Event.OUTCOME_SOURCE_DECLARED, source, actor, schedule=schedule)
        hints.send_after_commit(TAKE_TASK)
    return source


def end(*, source_id: int, actor: User, now: datetime | None = None) -> OutcomeSource:
    """Take no more outcomes from a relation."""
    found = OutcomeSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "end source of outcomes"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_end_source(version, actor)
        source = _open(source_id)
        source.ended_at = now or timezone.now()
        source.save(update_fields=["ended_at"])
        _record(Event.OUTCOME_SOURCE_ENDED, source, actor)
    return source


def correct(*, source_id: int, actor: User, reason: str) -> OutcomeSource:
    """Take what the relation says next time as a correction of what was delivered before."""
    found = OutcomeSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "correct outcomes"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_deliver(version, actor)
        source = _open(source_id)
        referring.require_place(actor, version.model, CONNECTION, source.connection)
        require_reason(reason, asks="Say in at least {least} characters why outcomes are corrected.")
        source.correction, source.corrected_by, source.tried_at = reason.strip(), actor, None
        source.save(update_fields=["correction", "corrected_by", "tried_at"])
        _record(Event.OUTCOME_SOURCE_CORRECTS, source, actor, reason=source.correction)
        hints.send_after_commit(TAKE_TASK)
    return source


def try_again(*, source_id: int, actor: User) -> OutcomeSource:
    """Look into a relation at once that nothing could be taken from. Refused where nothing is wrong."""
    found = OutcomeSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "try source of outcomes again"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_deliver(version, actor)
        source = _open(source_id)
        if not source.sentence:
            raise Refused("Nothing kept outcomes of this source from being taken.")
        source.tried_at, source.denials = None, 0
        source.save(update_fields=["tried_at", "denials"])
        _record(Event.OUTCOME_SOURCE_TRIED_AGAIN, source, actor)
        hints.send_after_commit(TAKE_TASK)
    return source


def take(*, now: datetime | None = None) -> int:
    """Look into the relation that waits longest, if one is due; gives how many deliveries were made of it."""
    now = now or timezone.now()
    rows = OutcomeSource.objects.filter(ended_at=None, version__stage__in=batches.DEPLOYED)
    needed = ("version__model__owner", "declared_by", "corrected_by")
    due = [row for row in rows.select_related(*needed).order_by("tried_at", "pk") if _is_due(row, now)]
    if len(due) > 1:
        hints.send(TAKE_TASK)
    return sum(_taken(row, now) for row in due[:1])


def _is_due(row: OutcomeSource, now: datetime) -> bool:
    """Once in each window of the schedule; at once for a correction. Never while what was taken is not matched yet.

    What could not be taken is tried again after an hour, and ever later where the account is refused.
    """
    if not pauses.is_over(row.tried_at, row.denials, now=now):
        return False
    if Matching.objects.filter(delivery__version=row.version_id, status__in=UNDER_WAY).exists():
        return False
    if row.correction or row.taken_on is None:
        return True
    return window_of(row.taken_on, row.schedule)[1] < now.date()


def _taken(row: OutcomeSource, now: datetime) -> bool:
    mine = OutcomeSource.objects.filter(pk=row.pk, tried_at=row.tried_at, ended_at=None)
    if not mine.update(tried_at=now):
        return False
    try:
        said, made = _delivered(row)
    except DomainError as refusal:
        denials = row.denials + 1 if refusal.code == DENIED else 0
        OutcomeSource.objects.filter(pk=row.pk, tried_at=now).update(denials=denials)
        _refuse(row, refusal)
        return False
    done = OutcomeSource.objects.filter(pk=row.pk, correction=row.correction)
    done.update(taken_on=now.date(), said=said, sentence="", denials=0, correction="", corrected_by=None)
    return made


def _delivered(row: OutcomeSource) -> tuple[str, bool]:
    """What was found, and whether it is a delivery now. Acts as whoever declared the source, or corrects."""
    actor = row.corrected_by if row.correction and row.corrected_by else row.declared_by
    batches.require_may_deliver(row.version, actor)
    outcomes.joining_columns(row.version)
    place = referring.require_place(actor, row.version.model, CONNECTION, row.connection)
    with tempfile.TemporaryDirectory(prefix="outcomes-") as folder:
        reference = RelationReference(row.connection, row.relation, 0, f"none-0:{'0' * 64}")
        job = inputs.of_taking(row.version, reference, place, Path(folder))
        try:
            found = measure_in_child(check=OutcomeTaking, job=job, limits=Limits(**settings.CHECK_LIMITS)).details
        except SandboxError as failure:
            raise Refused(failure.sentence, code=failure.kind) from failure
        return _kept(row, actor, found, Path(folder) / FILE)


def _kept(row: OutcomeSource, actor: User, found: Any, file: Path) -> tuple[str, bool]:
    keys, changed = int(found["keys"]), int(found["changed"])
    said = f"Taken from {found['described']}: {keys:,} keys with an outcome that was not delivered before"
    if not keys:
        return f"{said}.", False
    if changed and not row.correction:
        raise Refused(
            f"The relation says another outcome than was delivered before for {changed:,} keys, so nothing of it is "
            "taken. Take it as a correction if it is right, and say why; or correct it."
        )
    said = f"{said}, {changed:,} of them another one than before." if changed else f"{said}."
    if not OutcomeSource.objects.filter(pk=row.pk, ended_at=None).exists():
        return f"{said} The source ended meanwhile, so nothing of it is taken.", False
    try:
        with file.open("rb") as stream:
            outcomes.receive(
                version_id=row.version_id,
                actor=actor,
                stream=stream,
                name=f"{row.relation}: {keys:,} new",
                corrects=bool(row.correction),
                description=f"{row.correction} {said}".strip(),
                limit=LARGEST_FILE,
            )
    except outcomes.KnownDelivery as known:
        return f"{said} They are the delivery “{known.delivery.name}” already, {_use_of(known.delivery)}.", False
    return said, True


def _use_of(delivery: OutcomeDelivery) -> str:
    """In words. Raises Refused for one that is not used: the same bytes will not be, however often they are taken."""
    row = delivery.matching
    if row.verdict == MatchVerdict.IN_USE:
        return "which is in use"
    if row.status in UNDER_WAY:
        return "which is being matched"
    raise Refused(
        f"What is new in the relation is the delivery “{delivery.name}” already, which is not used. {row.sentences[0]}"
    )


def _refuse(row: OutcomeSource, refusal: DomainError) -> None:
    sentence = refusal.sentence
    with transaction.atomic():
        told = OutcomeSource.objects.filter(pk=row.pk, ended_at=None).exclude(sentence=sentence)
        if not told.update(sentence=sentence):
            return
        telling.tell(
            row.version,
            {row.version.model.owner, row.declared_by},
            event=Event.OUTCOME_SOURCE_REFUSED,
            text=f"No outcomes of {row.version} were taken from {row}. {sentence}",
            link=f"/monitoring/outcomedelivery/version/{row.version_id}/",
            asks_for_act=True,
        )
        if refusal.code == DENIED:
            text = f"No outcomes of {row.version} can be taken from {row}. {sentence}"
            link = f"/monitoring/outcomedelivery/version/{row.version_id}/"
            notify.tell_administrators(event=Event.CONNECTION_DENIED, text=text, link=link)
        _record(Event.OUTCOME_SOURCE_REFUSED, row, None, sentence=sentence)


def _open(source_id: int) -> OutcomeSource:
    rows = OutcomeSource.objects.select_for_update(of=("self",)).select_related("version__model")
    source = rows.get(pk=source_id)
    if source.ended_at is not None:
        raise Refused("This source ended already.")
    return source


def _recorded(version: ModelVersion, actor: User, act: str) -> AbstractContextManager[None]:
    return refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act=act)


def _record(event: Event, source: OutcomeSource, actor: User | None, **facts: object) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=source.version,
        scope=source.version.scope,
        facts={"source": source.pk, "connection": source.connection, "relation": source.relation, **facts},
    )
