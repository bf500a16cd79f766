"""Use cases that change what a version rests on: evidence and answers. A change voids the sign-offs that saw less."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import files, judging, listing, permissions, referring, refusals, reviewed_again, voiding
from approvals.canonical import digest
from approvals.events import Event
from approvals.measures.reading import TableError
from approvals.measures.references import MEDIA_TYPE, Reference, described, read_reference
from approvals.models import Answer, Evidence, EvidenceKind, ModelVersion
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.stages import Role
from portal import ledger
from portal.errors import BadInput, NotPermitted
from portal.texts import require_storable

MADE_WITH_ARTIFACT = (EvidenceKind.EVALUATION_TABLE, EvidenceKind.TRAINING_RECORD, EvidenceKind.CARD_DRAFT)
ANSWER_LIMIT = 20_000


def attach(
    *,
    version_id: int,
    actor: User,
    kind: str,
    stream: BinaryIO,
    name: str,
    details: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Evidence:
    """Attach or replace the evidence of one kind.

    Raises NotPermitted, Refused (the version is past review) or BadInput with the sentence for the form.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"attach {kind}"):
        _require_attach(version, actor, kind)
    details = dict(details or {})
    with files.incoming(stream) as upload:
        table = None
        if reference := files.reference_in(kind, upload, name=name):
            with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"attach {kind}"):
                table = referring.require_may_refer(actor, version.model, reference)
        media_type = files.judge_upload(kind, upload, name=name, details=details, table=table)
        with (
            refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"attach {kind}"),
            transaction.atomic(),
        ):
            version = ModelVersion.objects.locked().get(pk=version_id)
            _require_attach(version, actor, kind)
            with voiding.watched(version, actor=actor):
                row = _add(version, actor, kind, upload, name=name, media_type=media_type, details=details, now=now)
            _record_attached(row, version, actor)
    return row


def attach_reference(
    *,
    version_id: int,
    actor: User,
    kind: str,
    asked: listing.Asked,
    details: Mapping[str, Any] | None = None,
    limits: listing.Allowance = listing.AT_ONCE,
    now: datetime | None = None,
) -> Evidence:
    """Attach a reference to a table that stays where it is: files below the folder, or a relation of the connection.

    Raises as `attach`, and BadInput for what cannot be listed within what `limits` allow.
    """
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    with refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"attach {kind}"):
        _require_attach(version, actor, kind)
        if kind not in files.TABLE_KINDS:
            raise BadInput("Only tables can be referred to; upload this piece.", field="kind")
        found = referring.require_place(actor, version.model, asked.what, asked.place)
    text = listing.listed(found, asked, limits=limits)
    return attach(
        version_id=version_id,
        actor=actor,
        kind=kind,
        stream=BytesIO(text),
        name=asked.name,
        details=details,
        now=now,
    )


def attach_generated(
    *,
    version: ModelVersion,
    kind: str,
    path: Path,
    name: str,
    media_type: str,
    actor: User,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> Evidence:
    """Attach a document that the portal itself made, inside the caller's transaction. The version must be locked."""
    with path.open("rb") as stream:
        upload = files.receive(stream)
    with voiding.watched(version, actor=actor):
        made = dict(details or {})
        row = _add(version, actor, kind, upload, name=name, media_type=media_type, details=made, now=now)
    _record_attached(row, version, actor)
    return row


def _add(
    version: ModelVersion,
    actor: User,
    kind: str,
    upload: files.Upload,
    *,
    name: str,
    media_type: str,
    details: dict[str, Any],
    now: datetime,
) -> Evidence:
    made_with = _made_with(version, kind, upload)
    return Evidence.objects.create(
        version=version,
        kind=kind,
        file=files.stored(upload),
        name=_plain_name(name) or kind,
        media_type=media_type,
        details=details,
        artifact_sha256=made_with,
        uploaded_by=actor,
        uploaded_at=now,
    )


def _plain_name(name: str) -> str:
    """The last part of what a browser or program gave as name; empty if nothing is left that names a file."""
    last = "".join(sign for sign in name.replace("\\", "/").split("/")[-1] if sign.isprintable()).strip()[:200]
    return "" if last in (".", "..") else last


def _made_with(version: ModelVersion, kind: str, upload: files.Upload) -> str:
    if kind not in MADE_WITH_ARTIFACT:
        return ""
    artifact = current(version, EvidenceKind.ARTIFACT)
    if artifact is None:
        label = EvidenceKind(kind).label.lower()
        raise BadInput(f"Attach the model artifact first: the {label} belongs to one artifact.", field="kind")
    if kind == EvidenceKind.TRAINING_RECORD:
        stated = str(files.read_json(upload.path, size=upload.size)["artifact_sha256"])
        if stated != artifact.file.sha256:
            raise BadInput(
                f"The training record is about the artifact {stated[:12]}…, "
                f"but {artifact.file.sha256[:12]}… is attached.",
                field="file",
            )
    return artifact.file.sha256


def current(version: ModelVersion, kind: str) -> Evidence | None:
    """The newest evidence of one kind."""
    return Evidence.objects.filter(version=version, kind=kind).select_related("file").order_by("-pk").first()


def reference_of(row: Evidence) -> Reference | None:
    """What a piece of evidence refers to instead of holding it; None if it holds it, or if its bytes are gone."""
    if row.media_type != MEDIA_TYPE:
        return None
    try:
        return read_reference(row.file.path, row.name)
    except (OSError, TableError):  # said when it is opened or measured
        return None


def reference_in_words(row: Evidence) -> str:
    """Where the rows of a table lie that is referred to; empty for what is uploaded."""
    if row.media_type != MEDIA_TYPE:
        return ""
    reference = reference_of(row)
    return f"refers to {described(reference)}" if reference else "refers to a table, but the document is damaged"


def opened(*, evidence_id: int, actor: User) -> BinaryIO:
    """The bytes of a piece of evidence, opened for reading; recorded in the ledger.

    Raises NotPermitted, or Unavailable if the stored bytes are gone or no longer have the digest of the upload.
    """
    row = Evidence.objects.select_related("file", "version__model").get(pk=evidence_id)
    permissions.require_view(actor, row.version)
    found = files.opened(row.file)
    with transaction.atomic():
        ledger.record(
            event=Event.EVIDENCE_VIEWED,
            actor=actor,
            subject=row.version,
            scope=row.version.scope,
            facts={"evidence": row.pk, "kind": row.kind, "sha256": row.file.sha256},
        )
    return found


def _record_attached(row: Evidence, version: ModelVersion, actor: User) -> None:
    ledger.record(
        event=Event.EVIDENCE_ATTACHED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={
            "evidence": row.pk,
            "kind": row.kind,
            "name": row.name,
            "sha256": row.file.sha256,
            "made_with_artifact": row.artifact_sha256,
            "details_digest": digest(row.details),
        },
    )


def _require_attach(version: ModelVersion, actor: User, kind: str) -> None:
    if kind not in EvidenceKind.values or kind in MADE_BY_THE_PORTAL:
        raise BadInput(f"There is no evidence kind “{kind}” to upload.", field="kind")
    validator = kind == EvidenceKind.VALIDATION_REPORT and Role.MODEL_VALIDATOR in permissions.roles_of(
        actor, version.model
    )
    if not (permissions.may_submit(actor, version.model) or validator):
        raise NotPermitted("Only a submitter of this model may attach evidence.")
    reviewed_again.require(version, allowed=reviewed_again.may_attach(version, kind))


def record_answers(
    *, version_id: int, actor: User, section: str, answers: Mapping[str, str], now: datetime | None = None
) -> int:
    """Record the answers of one questionnaire section; gives the number that changed. Unknown questions are refused."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act=f"answer {section}")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not permissions.may_submit(actor, version.model):
            raise NotPermitted("Only a submitter of this model may answer its questionnaire.")
        reviewed_again.require(version, allowed=reviewed_again.may_answer(version, section))
        _require_known(version, section, answers)
        with voiding.watched(version, actor=actor):
            changed = [
                (key, before)
                for key, text in answers.items()
                if (before := _answer(version, section, key, text, actor, now)) is not None
            ]
        for key, before in changed:
            ledger.record(
                event=Event.ANSWER_RECORDED,
                actor=actor,
                subject=version,
                scope=version.scope,
                facts={"section": section, "question": key, "before": before, "text": _tidy(answers[key])},
            )
    return len(changed)


def _require_known(version: ModelVersion, section: str, answers: Mapping[str, str]) -> None:
    questions = judging.document_of(version).questionnaires.get(section)
    if questions is None:
        raise BadInput(f"The pinned policy has no questionnaire “{section}”.", field="section")
    known = {str(question["key"]) for question in questions}
    for key, text in answers.items():
        if key not in known:
            raise BadInput(f"The questionnaire “{section}” has no question “{key}”.", field=key)
        if len(text) > ANSWER_LIMIT:
            raise BadInput(f"The answer is longer than {ANSWER_LIMIT} characters.", field=key)
        require_storable(text, field=key)


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _answer(version: ModelVersion, section: str, key: str, given: str, actor: User, now: datetime) -> str | None:
    """Write one answer; gives the earlier text if it changed, None if it did not."""
    text = _tidy(given)
    row = Answer.objects.filter(version=version, section=section, question=key).last()
    before = row.text if row is not None else ""
    if before == text:
        return None
    Answer.objects.create(version=version, section=section, question=key, text=text, answered_by=actor, answered_at=now)
    return before
