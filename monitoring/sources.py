"""Batches taken from a relation of a named connection, one for each window that is over, as references.

The relation stays where it is: a batch names it with the days and a fingerprint of its rows, and each reading compares
them. A window is taken once; what cannot be taken is told once and tried again, for as long as the source lasts.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from approvals import listing, referring, refusals, telling
from approvals.events import Event as ApprovalsEvent
from approvals.measures.references import Window
from approvals.models import ModelVersion
from approvals.referring import CONNECTION
from approvals.sandbox import DENIED
from monitoring import batches, pauses
from monitoring.events import Event
from monitoring.models import Batch, BatchSource, Schedule, SourceWindow
from monitoring.source_windows import MOST, windows_over
from portal import hints, ledger, notify
from portal.errors import BadInput, DomainError, Refused
from portal.texts import require_storable

TAKE_TASK = "monitoring.tasks.take_from_sources"
AT_ONCE = 20
"""Windows that one call takes."""


def declare(
    *,
    version_id: int,
    actor: User,
    connection: str,
    relation: str,
    time_column: str,
    schedule: str,
    starts_on: date,
    now: datetime | None = None,
) -> BatchSource:
    """Name the relation that batches are taken from. Only who delivers batches and may refer to the connection."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    with _recorded(version, actor, "declare source"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        batches.require_may_deliver(version, actor)
        referring.require_relation(actor, version.model, connection, relation)
        require_storable(time_column, field="time_column")
        if not time_column.strip():
            raise BadInput("Name the column that says from which day a row is.", field="time_column")
        if schedule not in Schedule.values:
            raise BadInput("Choose how long a window is.", field="schedule")
        if len(windows_over(starts_on, now.date(), schedule, today=now.date())) > MOST:
            raise BadInput(
                f"More than {MOST} windows lie since that day; begin later and take past windows afterwards.",
                field="starts_on",
            )
        if BatchSource.objects.filter(
            version=version, connection=connection, relation=relation, ended_at=None
        ).exists():
            raise BadInput("This relation is a source of the version already.", field="relation")
        source = BatchSource.objects.create(
            version=version,
            connection=connection,
            relation=relation,
            time_column=time_column.strip(),
            schedule=schedule,
            starts_on=starts_on,
            declared_by=actor,
            declared_at=now,
        )
        _record(Event.SOURCE_DECLARED, source, actor, schedule=schedule, time_column=source.time_column)
        hints.send_after_commit(TAKE_TASK)
    return source


def end(*, source_id: int, actor: User, now: datetime | None = None) -> BatchSource:
    """Take no more batches from a source."""
    found = BatchSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "end source"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_end_source(version, actor)
        source = BatchSource.objects.select_for_update(of=("self",)).select_related("version__model").get(pk=source_id)
        if source.ended_at is not None:
            raise Refused("This source ended already.")
        source.ended_at = now or timezone.now()
        source.save(update_fields=["ended_at"])
        _record(Event.SOURCE_ENDED, source, actor)
    return source


def backfill(*, source_id: int, actor: User, first: date, last: date, now: datetime | None = None) -> int:
    """Order the whole windows of past days that are not there yet; gives how many. They are taken in their order."""
    now = now or timezone.now()
    found = BatchSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "backfill source"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_deliver(version, actor)
        if found.ended_at is not None:
            raise Refused("This source has ended.")
        if last < first:
            raise BadInput("The last day lies before the first.", field="last")
        windows = windows_over(first, min(last, now.date()), found.schedule, today=now.date())
        if not windows or len(windows) > MOST:
            raise BadInput(
                f"Between these days lie {len(windows):,} windows that are over; order 1 to {MOST}.", field="last"
            )
        ordered = _order(found, windows, now)
        if ordered:
            days = f"{windows[0][0]} to {windows[-1][1]}"
            _record(Event.WINDOWS_ORDERED, found, actor, windows=days, ordered=ordered)
            hints.send_after_commit(TAKE_TASK)
    return ordered


def try_again(*, source_id: int, actor: User, now: datetime | None = None) -> int:
    """Try the windows that could not be taken at once; gives how many there are. Refused where none is open."""
    now = now or timezone.now()
    found = BatchSource.objects.select_related("version__model").get(pk=source_id)
    with _recorded(found.version, actor, "try source again"), transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        batches.require_may_deliver(version, actor)
        source = BatchSource.objects.select_for_update(of=("self",)).select_related("version__model").get(pk=source_id)
        if source.ended_at is not None:
            raise Refused("This source has ended.")
        count = source.windows.filter(batch=None).update(tried_at=None)
        if not count:
            raise Refused("Every window of this source that is over was taken.")
        source.denials, source.denied_at = 0, None
        source.save(update_fields=["denials", "denied_at"])
        _record(Event.SOURCE_TRIED_AGAIN, source, actor, windows=count)
        hints.send_after_commit(TAKE_TASK)
    return count


def order_due(*, now: datetime | None = None) -> int:
    """Order every window that is over, of sources of deployed versions; gives how many were new."""
    now = now or timezone.now()
    rows = BatchSource.objects.filter(ended_at=None, version__stage__in=batches.DEPLOYED).order_by("pk")
    return sum(
        _order(row, windows_over(row.starts_on, now.date(), row.schedule, today=now.date()), now) for row in rows
    )


def _order(source: BatchSource, windows: Iterable[tuple[date, date]], now: datetime) -> int:
    known = set(source.windows.values_list("first_day", flat=True))
    ordered = 0
    for first, last in windows:
        if first in known:
            continue
        try:
            with transaction.atomic():
                SourceWindow.objects.create(source=source, first_day=first, last_day=last, ordered_at=now)
        except IntegrityError:
            continue  # another worker ordered the same window a moment ago
        ordered += 1
    return ordered


def take(*, now: datetime | None = None) -> int:
    """Take what is ordered, the earliest window first; gives how many batches there are more."""
    now = now or timezone.now()
    due = Q(tried_at=None) | Q(tried_at__lt=now - pauses.EVERY) | Q(tried_at__gt=now)
    deployed = BatchSource.objects.filter(ended_at=None, version__stage__in=batches.DEPLOYED)
    asked = [one.pk for one in deployed if pauses.is_over(one.denied_at, one.denials, now=now)]
    rows = SourceWindow.objects.filter(due, batch=None, source__in=asked)
    chosen = rows.select_related("source__version__model__owner", "source__declared_by").order_by("first_day", "pk")
    return sum(_taken(row, now) for row in chosen[:AT_ONCE])


def _taken(row: SourceWindow, now: datetime) -> bool:
    """One window of a source whose connection refuses the account, and no other until it is asked again."""
    mine = SourceWindow.objects.filter(pk=row.pk, batch=None, tried_at=row.tried_at)
    if not mine.filter(source__denied_at=row.source.denied_at).update(tried_at=now):
        return False
    try:
        batch = _batch(row)
    except DomainError as refusal:
        _answered(row.source, now, is_denied=refusal.code == DENIED)
        _refuse(row, refusal)
        return False
    _answered(row.source, now, is_denied=False)
    return bool(SourceWindow.objects.filter(pk=row.pk, batch=None).update(batch=batch, sentence=""))


def _answered(source: BatchSource, now: datetime, *, is_denied: bool) -> None:
    """Remember whether the account was refused, unless somebody else did meanwhile."""
    same = BatchSource.objects.filter(pk=source.pk, denied_at=source.denied_at)
    if is_denied:
        same.update(denials=source.denials + 1, denied_at=now)
    elif source.denied_at is not None and same.update(denials=0, denied_at=None):
        hints.send(TAKE_TASK)  # the other windows waited for this one


def _batch(row: SourceWindow) -> Batch:
    """The batch of a window: a reference that is made now, as whoever declared the source."""
    source, actor = row.source, row.source.declared_by
    batches.require_may_deliver(source.version, actor)
    place = referring.require_place(actor, source.version.model, CONNECTION, source.connection)
    window = Window(source.time_column, row.first_day, row.last_day)
    asked = listing.Asked(CONNECTION, source.connection, source.relation, window)
    limits = listing.Allowance(most_bytes=1 << 60, seconds=settings.CHECK_SECONDS)
    document = listing.listed(place, asked, limits=limits)
    try:
        return batches.receive(
            version_id=source.version_id,
            actor=actor,
            stream=io.BytesIO(document),
            name=f"{source.relation}, {row.first_day} to {row.last_day}",
            description=f"Taken from the connection “{source.connection}” by {source.time_column}.",
            window_start=row.first_day,
            window_end=row.last_day,
        )
    except batches.KnownBatch as known:
        if (known.batch.window_start, known.batch.window_end) != (row.first_day, row.last_day):
            raise Refused(f"{known.sentence} It is of another window, so this one has no data.") from known
        return known.batch


def _refuse(row: SourceWindow, refusal: DomainError) -> None:
    sentence = refusal.sentence
    version = row.source.version
    with transaction.atomic():
        told = SourceWindow.objects.filter(pk=row.pk, batch=None).exclude(sentence=sentence)
        if not told.update(sentence=sentence):
            return
        telling.tell(
            version,
            {version.model.owner, row.source.declared_by},
            event=Event.WINDOW_REFUSED,
            text=f"No batch of {version} was taken from {row.source} for {row}. {sentence}",
            link=version.get_absolute_url(),
            asks_for_act=True,
        )
        if refusal.code == DENIED:
            text = f"No batch of {version} can be taken from {row.source}. {sentence}"
            notify.tell_administrators(event=Event.CONNECTION_DENIED, text=text, link=version.get_absolute_url())
        _record(Event.WINDOW_REFUSED, row.source, None, window=str(row), sentence=sentence)


def _recorded(version: ModelVersion, actor: User, act: str) -> AbstractContextManager[None]:
    return refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act=act)


def _record(event: Event, source: BatchSource, actor: User | None, **facts: object) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=source.version,
        scope=source.version.scope,
        facts={"source": source.pk, "connection": source.connection, "relation": source.relation, **facts},
    )
