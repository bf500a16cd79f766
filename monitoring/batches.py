"""Takes in what a deployed version met in a window of time, and orders its readings. Measures nothing itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import files, permissions, referring, refusals
from approvals.events import Event as ApprovalsEvent
from approvals.measures.reading import TableError, checked_format
from approvals.measures.references import Reference, RelationReference, described, is_reference, read_reference
from approvals.models import EvidenceKind, ModelVersion, StoredFile
from approvals.stages import Role, Stage
from monitoring import outcomes_in_use, references
from monitoring.events import Event
from monitoring.models import Batch, OutcomeDelivery
from monitoring.outcomes_in_use import READ_TASK
from portal import access_tokens, ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import AccessToken
from portal.texts import require_storable

__all__ = ["DEPLOYED", "READ_TASK", "KnownBatch", "receive"]
LONGEST_AGO = timedelta(days=20 * 366)
DEPLOYED = (Stage.MONITORING, Stage.SUSPENDED)


class KnownBatch(BadInput):
    """The same bytes are a batch of this version already."""

    code = "known-batch"

    def __init__(self, batch: Batch) -> None:
        super().__init__(f"These bytes are the batch “{batch.name}” already.", field="file")
        self.batch = batch


def receive(  # noqa: PLR0913  (a delivery is that many facts)
    *,
    version_id: int,
    actor: User,
    stream: BinaryIO,
    name: str,
    window_start: date,
    window_end: date,
    description: str = "",
    token: AccessToken | None = None,
    now: datetime | None = None,
) -> Batch:
    """Store a batch and queue one reading per monitor that reads batches. `token` is that of the program, if it is one.

    Raises NotPermitted, Refused (not deployed) or BadInput with the sentence for the form; nothing is kept then.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="deliver batch")
    with recorded:
        require_may_deliver(version, actor)
        require_window(window_start, window_end, now)
        require_storable(name, field="name")
        require_storable(description, field="description")
        with files.incoming(stream) as upload:
            reference = files.reference_in(EvidenceKind.EVALUATION_TABLE, upload, name=name)
            _require_same_window(reference, window_start, window_end)
            table = referring.require_may_refer(actor, version.model, reference) if reference else None
            files.judge_delivery(upload, name=name, details=watched(version), table=table)
            with transaction.atomic():
                version = ModelVersion.objects.locked().get(pk=version_id)
                require_may_deliver(version, actor)
                if earlier := known(version, upload):
                    raise KnownBatch(earlier)
                said = (name.strip() or Path(name).name)[:200], description.strip()
                batch = keep(version, actor, upload, said=said, window=(window_start, window_end), token=token, now=now)
    return batch


def keep(
    version: ModelVersion,
    actor: User,
    upload: files.Upload,
    *,
    said: tuple[str, str],
    window: tuple[date, date],
    token: AccessToken | None,
    now: datetime,
) -> Batch:
    """The batch of an upload that was judged and is new, with name and description. The version is locked."""
    name, description = said
    batch = Batch.objects.create(
        version=version,
        file=files.stored(upload),
        name=name,
        description=description,
        window_start=window[0],
        window_end=window[1],
        uploaded_by=actor,
        token=token,
        received_at=now,
    )
    outcomes_in_use.order_readings(batch, now=now)
    ledger.record(
        event=Event.BATCH_RECEIVED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={
            "batch": batch.pk,
            "name": name,
            "sha256": upload.sha256,
            "from": window[0].isoformat(),
            "to": window[1].isoformat(),
            **access_tokens.facts_of(token),
        },
        authentication=access_tokens.authentication_of(token),
    )
    return batch


def opened(*, batch_id: int, actor: User) -> BinaryIO:
    """The bytes of a batch, opened for reading; recorded in the ledger.

    Raises NotPermitted, or Unavailable if the stored bytes are gone or no longer have the digest of the upload.
    """
    row = Batch.objects.select_related("file", "version__model").get(pk=batch_id)
    permissions.require_view(actor, row.version)
    found = files.opened(row.file)
    with transaction.atomic():
        ledger.record(
            event=Event.BATCH_VIEWED,
            actor=actor,
            subject=row.version,
            scope=row.version.scope,
            facts={"batch": row.pk, "name": row.name, "sha256": row.file.sha256},
        )
    return found


def ending(row: Batch | OutcomeDelivery) -> str:
    """How a file with these bytes is named."""
    try:
        if is_reference(row.file.path):
            return "reference.json"
        return "parquet" if checked_format(row.file.path, None) == "parquet" else "csv"
    except (TableError, OSError):  # gone or damaged, which is said when it is opened
        return "csv"


def refers_to(row: Batch) -> str:
    """Where rows lie that the batch only refers to, and what was there when it was listed; empty if it holds them."""
    reference = _reference(row)
    return described(reference) if reference is not None else ""


def is_a_relation(row: Batch) -> bool:
    """Whether its rows are those of a database."""
    return isinstance(_reference(row), RelationReference)


def _reference(row: Batch) -> Reference | None:
    try:
        return read_reference(row.file.path, row.name) if is_reference(row.file.path) else None
    except (TableError, OSError):  # gone or damaged, which is said when it is opened
        return None


def may_deliver(user: User, version: ModelVersion) -> bool:
    """Whether the person may deliver batches: a submitter, the owner, or IT operations of the model."""
    return permissions.may_move(user, version.model) or Role.IT_OPERATIONS in permissions.roles_of(user, version.model)


def why_not_deliver(user: User, version: ModelVersion) -> str:
    """Why the person may not deliver; empty if they may."""
    allowed = may_deliver(user, version)
    return "" if allowed else "Only a submitter, the owner or IT operations of this model deliver its batches."


def require_may_deliver(version: ModelVersion, actor: User) -> None:
    """Raise NotPermitted for others, and Refused for a version that is not deployed."""
    if sentence := why_not_deliver(actor, version):
        raise NotPermitted(sentence)
    if version.stage not in DEPLOYED:
        raise Refused(f"Data are taken of deployed versions; this one is {version.get_stage_display().lower()}.")


def require_may_end_source(version: ModelVersion, actor: User) -> None:
    """Raise NotPermitted for whoever delivers nothing; the sources of a version that is not deployed end, too."""
    if not may_deliver(actor, version):
        raise NotPermitted("Only a submitter, the owner or IT operations of this model end its sources.")


def require_window(start: date, end: date, now: datetime) -> None:
    """Raise BadInput for days in the wrong order, in the future, or so long ago that they must be a mistake."""
    if end < start:
        raise BadInput("The last day lies before the first.", field="window_end")
    if end > now.date():
        raise BadInput("The last day lies in the future.", field="window_end")
    if start < now.date() - LONGEST_AGO:  # records go month by month from the first window on
        raise BadInput("The first day lies more than 20 years ago.", field="window_start")


def _require_same_window(reference: Reference | None, start: date, end: date) -> None:
    """BadInput for a reference that says itself of which days its rows are, and for others than those that are said."""
    window = reference.window if isinstance(reference, RelationReference) else None
    if window is not None and (window.first, window.last) != (start, end):
        raise BadInput(
            f"The reference names the rows of {window.first} to {window.last} by “{window.column}”, not of {start} to "
            f"{end}.",
            field="window_start",
        )


def declared(version: ModelVersion) -> dict[str, Any]:
    """What was declared of the evaluation table that is approved now; nothing where there is none."""
    row = references.in_force(version)
    return dict(row.details) if row is not None else {}


def watched(version: ModelVersion) -> dict[str, Any]:
    """What was declared at approval, without the label and the key, which a batch may lack."""
    watched = ("kind", "prediction", "score", "class_scores", "groups", "features")
    return {name: value for name, value in declared(version).items() if name in watched}


def known(version: ModelVersion, upload: files.Upload) -> Batch | None:
    """The batch that these bytes are already. BadInput for those of the table that was approved."""
    stored = StoredFile.objects.filter(sha256=upload.sha256).first()
    if stored and any(one.file_id == stored.pk for one in references.ever_in_force(version)):
        raise BadInput(
            "These bytes are the evaluation table that was approved, not what the version met.", field="file"
        )
    return Batch.objects.filter(version=version, file=stored).first() if stored else None
