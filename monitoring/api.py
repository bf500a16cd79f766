"""Monitoring for programs: deliver batches and outcomes, read versions, monitors and readings. One use case per call.

A token acts as its owner: what that person may not see does not exist here, either.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, BinaryIO, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import File, Form, Path, Query, Router, Status
from ninja.files import UploadedFile

from approvals import permissions, refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from monitoring import batches, outcomes, splitting
from monitoring.api_documents import (
    BatchDocument,
    DeliveryDocument,
    MonitorDocument,
    ReadingDocument,
    ReadingSummary,
    SplitDocument,
    VersionDocument,
    as_batch,
    as_delivery,
    as_monitor,
    as_reading,
    as_split,
    as_summary,
    as_version,
)
from monitoring.models import Batch, Monitor, OutcomeDelivery, Reading
from monitoring.standing import alarms_of
from portal import access_tokens
from portal.access_tokens import TokenAct
from portal.api import token_of
from portal.errors import Refused
from portal.texts import require_storable

LARGEST_PAGE = 500
KNOWN, MADE = 200, 201
LARGEST_KEY = 2**63 - 1
Key = Annotated[int, Path(le=LARGEST_KEY)]
Asked = Annotated[int | None, Query(le=LARGEST_KEY)]
router = Router(tags=["Monitoring"])


def models_of(user: User) -> list[tuple[int, str]]:
    """Models that a person may limit a token to."""
    return [(model.pk, model.name) for model in permissions.visible_models(user).order_by("name")]


def _visible(request: HttpRequest) -> QuerySet[ModelVersion]:
    token = token_of(request)
    rows = permissions.visible_versions(token.owner).select_related("model__owner")
    return rows.filter(model__in=token.model_ids) if token.model_ids else rows


def _version(request: HttpRequest, version_id: int, act: TokenAct, doing: str) -> ModelVersion:
    """A version that the token reaches, for an act that it names; a refusal stands in the ledger."""
    version = _visible(request).filter(pk=version_id).first()
    if version is None:
        raise Http404
    token = token_of(request)
    told = f"{doing} {token.prefix}"
    with refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=token.owner, version=version, act=told):
        access_tokens.require_act(token, act)
    return version


def _readable(request: HttpRequest, version_id: int) -> ModelVersion:
    return _version(request, version_id, TokenAct.READ, "read by token")


def _bytes_of(file: UploadedFile) -> BinaryIO:
    return cast(BinaryIO, file.file)


def _page(rows: QuerySet[Any], before: int | None, limit: int) -> QuerySet[Any]:
    """The newest first; `before` is the id of the last row of the page before."""
    chosen = rows.filter(pk__lt=before) if before is not None else rows
    return chosen.order_by("-pk")[: max(1, min(limit, LARGEST_PAGE))]


@router.get("/versions", response=list[VersionDocument], summary="Versions that were deployed and that you may see")
def list_versions(request: HttpRequest) -> Any:
    """Deployed, suspended and retired versions that are watched."""
    access_tokens.require_act(token_of(request), TokenAct.READ)
    rows = _visible(request).filter(monitors__isnull=False).distinct().order_by("pk")
    return [_state(version) for version in rows]


@router.get("/versions/{int:version_id}", response=VersionDocument, summary="How a version stands")
def show_version(request: HttpRequest, version_id: Key) -> Any:
    """Its stage, and the worst alarm of its monitors."""
    return _state(_readable(request, version_id))


def _state(version: ModelVersion) -> dict[str, Any]:
    rows = Monitor.in_force.filter(version=version)
    return as_version(version, alarms_of(rows, now=timezone.now()).values())


@router.get("/versions/{int:version_id}/monitors", response=list[MonitorDocument], summary="Monitors of a version")
def list_monitors(request: HttpRequest, version_id: Key) -> Any:
    """What is watched now, with the limits, and how each stands. Readings name also monitors that ended."""
    watched = Monitor.in_force.filter(version=_readable(request, version_id)).select_related("version")
    rows = list(watched.order_by("pk"))
    alarms = alarms_of(rows, now=timezone.now())
    return [as_monitor(row, alarms[row.pk]) for row in rows]


@router.get("/versions/{int:version_id}/batches", response=list[BatchDocument], summary="Batches, the newest first")
def list_batches(request: HttpRequest, version_id: Key, before: Asked = None, limit: int = 100) -> Any:
    """Everything that arrived."""
    rows = Batch.objects.filter(version=_readable(request, version_id)).select_related("file")
    return [as_batch(row) for row in _page(rows, before, limit)]


@router.post(
    "/versions/{int:version_id}/batches",
    response={KNOWN: BatchDocument, MADE: BatchDocument},
    summary="Deliver a batch",
)
def deliver_batch(
    request: HttpRequest,
    version_id: Key,
    file: File[UploadedFile],
    window_start: Form[date],
    window_end: Form[date],
    name: Form[str] = "",
    description: Form[str] = "",
) -> Any:
    """A table, or a reference.json that names a table elsewhere. The same bytes again give the batch that is there."""
    version = _version(request, version_id, TokenAct.DELIVER, "deliver batch by token")

    def receive() -> Batch:
        return batches.receive(
            version_id=version.pk,
            actor=token_of(request).owner,
            token=token_of(request),
            stream=_bytes_of(file),
            name=name or str(file.name),
            window_start=window_start,
            window_end=window_end,
            description=description,
        )

    try:
        return Status(MADE, as_batch(receive()))
    except batches.KnownBatch as known:
        if (known.batch.window_start, known.batch.window_end) != (window_start, window_end):
            raise Refused(
                f"{known.sentence[:-1]}, of {known.batch.window_start} to {known.batch.window_end}, another window.",
                code=known.code,
            ) from known
        return Status(KNOWN, as_batch(known.batch))


@router.post(
    "/versions/{int:version_id}/batches/by-time",
    response={KNOWN: SplitDocument, MADE: SplitDocument},
    summary="Deliver a table that spans several windows",
)
def deliver_by_time(
    request: HttpRequest,
    version_id: Key,
    file: File[UploadedFile],
    time_column: Form[str],
    pace: Form[str],
    name: Form[str] = "",
    description: Form[str] = "",
) -> Any:
    """One batch for each window (daily, weekly, monthly; UTC) that is over, all of them or none."""
    version = _version(request, version_id, TokenAct.DELIVER, "deliver batch by token")
    done = splitting.receive(
        version_id=version.pk,
        actor=token_of(request).owner,
        token=token_of(request),
        stream=_bytes_of(file),
        name=name or str(file.name),
        time_column=time_column,
        pace=pace,
        description=description,
    )
    return Status(MADE if done.new else KNOWN, as_split(done))


@router.get("/versions/{int:version_id}/outcomes", response=list[DeliveryDocument], summary="Deliveries of outcomes")
def list_outcomes(request: HttpRequest, version_id: Key, before: Asked = None, limit: int = 100) -> Any:
    """What was delivered, and what became of it; the newest first."""
    rows = OutcomeDelivery.objects.filter(version=_readable(request, version_id)).select_related("file", "matching")
    return [as_delivery(row) for row in _page(rows, before, limit)]


@router.post(
    "/versions/{int:version_id}/outcomes",
    response={KNOWN: DeliveryDocument, MADE: DeliveryDocument},
    summary="Deliver outcomes",
)
def deliver_outcomes(
    request: HttpRequest,
    version_id: Key,
    file: File[UploadedFile],
    name: Form[str] = "",
    description: Form[str] = "",
    corrects: Form[bool] = False,  # noqa: FBT002 - a field of a form
) -> Any:
    """Keys with their outcomes. Only a delivery that corrects, and says why, may contradict an earlier one."""
    version = _version(request, version_id, TokenAct.DELIVER, "deliver outcomes by token")
    try:
        made = outcomes.receive(
            version_id=version.pk,
            actor=token_of(request).owner,
            token=token_of(request),
            stream=_bytes_of(file),
            name=name or str(file.name),
            corrects=corrects,
            description=description,
        )
    except outcomes.KnownDelivery as known:
        return Status(KNOWN, as_delivery(known.delivery))
    return Status(MADE, as_delivery(made))


@router.get("/versions/{int:version_id}/readings", response=list[ReadingSummary], summary="Readings, the newest first")
def list_readings(
    request: HttpRequest,
    version_id: Key,
    monitor: Query[str] = "",
    batch: Asked = None,
    before: Asked = None,
    limit: int = 100,
) -> Any:
    """Verdicts and sentences; of one monitor or one batch if asked."""
    require_storable(monitor, field="monitor")
    rows = Reading.objects.filter(monitor__version=_readable(request, version_id)).select_related(
        "monitor", "batch", "policy"
    )
    rows = rows.filter(monitor__key=monitor) if monitor else rows
    rows = rows.filter(batch_id=batch) if batch is not None else rows
    return [as_summary(row) for row in _page(rows.defer("charts", "log"), before, limit)]


@router.get("/readings/{int:reading_id}", response=ReadingDocument, summary="One reading with its numbers")
def show_reading(request: HttpRequest, reading_id: Key) -> Any:
    """Measures with counts and intervals, tables, limits, and what was looked at."""
    found = Reading.objects.filter(monitor__version__in=_visible(request), pk=reading_id)
    row = found.select_related("monitor", "batch", "policy").defer("charts", "log").first()
    if row is None:
        raise Http404
    _readable(request, row.monitor.version_id)
    return as_reading(row)
