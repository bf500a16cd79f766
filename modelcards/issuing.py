"""Makes cards: ordered by a person or by an approval, made once by a worker, verified before they are stored.

A lease with a fencing token makes it happen once, whatever dies. A card that does not verify is never handed out.
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import chain
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from approvals import evidence, files, permissions, refusals, reviewed_again, telling
from approvals.events import Event as ApprovalsEvent
from approvals.models import EvidenceKind, ModelVersion
from approvals.models.checks import RunStatus
from approvals.stages import REVIEW_STAGES, Stage
from modelcards import attesting, content, exporters, renewals, seals
from modelcards.card import Card, CardStatus
from modelcards.events import Event
from modelcards.exporters.in_toto import statements
from modelcards.exporters.pdf import PdfExporter
from modelcards.holdings import Holdings
from modelcards.models import ModelCard
from modelcards.signing import Plan, SigningIdentity
from modelcards.timestamping import TimestampFailed
from modelcards.verification import verify_card
from portal import checkpoints, hints, ledger
from portal.errors import DomainError, NotPermitted, Refused, Unavailable
from portal.models import Checkpoint

LEASE = timedelta(minutes=2)
"""Renewed at each step and, while printing, every second: so a worker that died is replaced soon."""
ATTEMPTS = 3
HINT_AGAIN = timedelta(seconds=20)
TASK = "modelcards.tasks.issue"
CARD_LIMIT = 50_000_000


@dataclass(frozen=True)
class Download:
    """A file for a person: its name, type and bytes, which are given once."""

    name: str
    media_type: str
    chunks: Iterator[bytes]
    streamed: bool = False

    @cached_property
    def content(self) -> bytes:
        """All of it."""
        return b"".join(self.chunks)


def request_draft(*, version_id: int, actor: User, now: datetime | None = None) -> ModelCard:
    """Order a draft, at any stage. One that is being made already is given back.

    While the version is in review and has an artifact, the draft becomes its evidence; otherwise it is a file to read.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(
        event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="request draft card"
    )
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not permissions.may_submit(actor, version.model):
            raise NotPermitted("Only a submitter of this model may order a draft of its card.")
        under_way = ModelCard.objects.filter(
            version=version, kind=CardStatus.DRAFT, status__in=(RunStatus.QUEUED, RunStatus.RUNNING)
        ).first()
        return under_way or order(version, CardStatus.DRAFT, actor, now)


def when_moved(*, version: ModelVersion, target: str, actor: User | None, now: datetime, **_: Any) -> None:
    """Order the issued card when an approval begins to hold, inside the transaction of the move."""
    if target == Stage.MONITORING:
        order(version, CardStatus.ISSUED, actor, now)


def when_renewed(*, version: ModelVersion, actor: User | None, now: datetime, **_: Any) -> None:
    """Order a new card when an approval is renewed, inside the transaction of the renewal."""
    order(version, CardStatus.ISSUED, actor, now)


def retry(*, card_id: int, actor: User, now: datetime | None = None) -> ModelCard:
    """Order a card that could not be made once more."""
    now = now or timezone.now()
    version = ModelCard.objects.select_related("version__model").get(pk=card_id).version
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="retry card")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version.pk)
        if not permissions.may_move(actor, version.model):
            raise NotPermitted("Only the model's owner or a submitter may order its card again.")
        row = ModelCard.objects.select_for_update(of=("self",)).get(pk=card_id)
        if row.status != RunStatus.CRASHED:
            raise Refused("Only a card that could not be made is ordered again.")
        row.status, row.attempt, row.error, row.hinted_at = RunStatus.QUEUED, 0, "", now
        row.save()
        _record(Event.CARD_REQUESTED, row, actor)
    return row


def order(version: ModelVersion, kind: CardStatus, actor: User | None, now: datetime, *, reason: str = "") -> ModelCard:
    """Queue a card of a locked version inside the caller's transaction; `reason` says why an issued one is repeated."""
    row = ModelCard.objects.create(version=version, kind=kind, requested_by=actor, requested_at=now, hinted_at=now)
    prefix = "MC" if kind is CardStatus.ISSUED else "DRAFT"
    row.number = f"{prefix}-{now:%Y}-{row.pk:05d}"
    row.save(update_fields=["number"])
    _record(Event.CARD_REQUESTED, row, actor, **({"reissued_because": reason} if reason else {}))
    hints.send_after_commit(TASK, row.pk)
    return row


def execute(card_id: int) -> bool:
    """Make one card now; gives whether this call finished it. What the worker calls."""
    token = claim(card_id, timezone.now())
    if token is None:
        return False
    row = ModelCard.objects.select_related("version__model", "version__policy").get(pk=card_id)
    try:
        card, pdf = make(row, partial(report_progress, row.pk, token))
    except LeaseLostError:
        return False
    except (DomainError, rfc8785.CanonicalizationError, RecursionError, MemoryError, OSError) as failure:
        return _fail(row.pk, token, _reason(failure))
    return store(row.pk, token, card, pdf)


def _reason(failure: Exception) -> str:
    if isinstance(failure, DomainError):
        return failure.sentence
    if isinstance(failure, rfc8785.CanonicalizationError):
        return f"An attached document holds what no card can carry: {failure}."
    if isinstance(failure, OSError):
        return f"A file that the card is made from cannot be read: {failure.strerror}."
    return f"An attached document is too deep or too large for a card ({type(failure).__name__})."


def claim(card_id: int, now: datetime) -> uuid.UUID | None:
    """Take the lease of a card that waits, or whose worker went silent. None: nothing to do."""
    token = uuid.uuid4()
    free = Q(status=RunStatus.QUEUED) | Q(status=RunStatus.RUNNING, lease_until__lt=now)
    taken = ModelCard.objects.filter(free, pk=card_id, attempt__lt=ATTEMPTS).update(
        status=RunStatus.RUNNING,
        token=token,
        attempt=F("attempt") + 1,
        lease_until=now + LEASE,
        heartbeat_at=now,
        started_at=now,
        progress=0,
        progress_text="Starting",
    )
    return token if taken else None


class LeaseLostError(Exception):
    """The card is another worker's now; nothing is to be done here."""


def report_progress(card_id: int, token: uuid.UUID, percent: int, text: str) -> None:
    """Renew the lease and show progress. Raises LeaseLostError if another worker has it."""
    now = timezone.now()
    mine = ModelCard.objects.filter(pk=card_id, token=token, status=RunStatus.RUNNING)
    if not mine.update(progress=percent, progress_text=text, heartbeat_at=now, lease_until=now + LEASE):
        raise LeaseLostError


def _to_nobody(_percent: int, _text: str) -> None:
    """Nobody watches."""


def _printing(report: Callable[[int, str], None]) -> Callable[[], None]:
    """Says that it is printed, now and whenever called, and for how long already."""
    begun = time.monotonic()
    report(20, "Printing")
    return lambda: report(20, f"Printing, {time.monotonic() - begun:.0f} s so far")


def make(row: ModelCard, report: Callable[[int, str], None] = _to_nobody) -> tuple[Card, bytes]:
    """The document and its file; an issued one is signed and has verified. Raises DomainError with the reason."""
    now = timezone.now()
    report(5, "Collecting what the card says")
    if row.kind == CardStatus.DRAFT:
        card = content.build(row.version, number=row.number, status=CardStatus.DRAFT, now=now)
        return card, PdfExporter().printed(card, meanwhile=_printing(report))
    if row.version.stage != Stage.MONITORING:
        raise Refused(f"The approval does not hold now: the version is {row.version.get_stage_display().lower()}.")
    if reviewed_again.has_changed(row.version):
        raise Refused("A revalidation is under way; a new card is issued when the approval is renewed.")
    identity = seals.identity()
    plan, note = seals.plan(identity)
    order = _Order(row, now, ledger.checkpoint(), identity, report)
    try:
        return order.sealed(plan, note)
    except TimestampFailed as failure:
        # The level is printed on the card, so it is printed again: or not at all, as the settings say.
        return order.sealed(*seals.without_timestamps(failure))


@dataclass(frozen=True)
class _Order:
    """An issued card that is being made: everything but what its signature will carry."""

    row: ModelCard
    now: datetime
    checkpoint: Checkpoint
    identity: SigningIdentity
    report: Callable[[int, str], None]

    def sealed(self, plan: Plan, note: str) -> tuple[Card, bytes]:
        """The card, printed, signed by the plan and verified. Raises TimestampFailed, Unavailable."""
        card = content.build(
            self.row.version,
            number=self.row.number,
            status=CardStatus.ISSUED,
            now=self.now,
            checkpoint=self.checkpoint,
            seal=seals.facts(self.identity, plan, note),
        )
        attestations = attesting.attested_statements(statements(card), self.identity)
        printed = PdfExporter().printed(card, meanwhile=_printing(self.report), attestations=attestations)
        self.report(80, "Signing")
        reason = f"Issue of model card {card.number}"
        # Loading it takes long, and every program of the portal loads this module.
        from modelcards.sealing import sign_pdf  # noqa: PLC0415

        pdf = sign_pdf(printed, identity=self.identity, reason=reason, plan=plan)
        self.report(90, "Verifying")
        revoked = self.identity.revoked
        verified = verify_card(
            pdf,
            roots=[self.identity.root_pem],
            vkey=checkpoints.vkey_of(self.checkpoint),
            timestamp_roots=seals.timestamp_roots(),
            revoked=[] if revoked is None else [revoked.public_bytes(Encoding.DER)],
        )
        if not verified.ok:
            raise Unavailable(f"The card was made but does not verify, so it is not issued. {verified.bottom_line}")
        return card, pdf


def store(card_id: int, token: uuid.UUID, card: Card, pdf: bytes) -> bool:
    """Keep a finished card once. A late result is refused and recorded as such; gives whether it was taken."""
    upload = files.receive(io.BytesIO(pdf), limit=CARD_LIMIT)
    now = timezone.now()
    with transaction.atomic():
        version, row = _mine(card_id)
        if row.token != token or row.status != RunStatus.RUNNING:
            _record(Event.CARD_RESULT_REFUSED, row, None)
            return False
        if row.kind == CardStatus.DRAFT and not _about_the_artifact(card, version):
            _set_failed(row, "The artifact was replaced while the draft was made; order another one.", now)
            return False
        row.status, row.token, row.finished_at, row.progress, row.progress_text = RunStatus.FINISHED, None, now, 100, ""
        row.pdf, row.content, row.digest = files.stored(upload), card.canonical().decode(), card.digest()
        row.checkpoint_size = card.ledger.size if card.ledger else None
        row.save()
        if row.kind == CardStatus.DRAFT:
            if card.artifact is not None and version.stage in REVIEW_STAGES:
                _attach(version, row, upload, now)
            _record(Event.DRAFT_MADE, row, None)
        else:
            _tell(version, row)
            _record(Event.CARD_ISSUED, row, None, **_seal_of(card))
    return True


def _seal_of(card: Card) -> dict[str, str]:
    """With what the card is sealed, for the ledger."""
    if card.seal is None:
        return {}
    found = {"level": card.seal.level, "certificate": card.seal.certificate_sha256}
    return {**found, "note": card.seal.note} if card.seal.note else found


def _about_the_artifact(card: Card, version: ModelVersion) -> bool:
    artifact = evidence.current(version, EvidenceKind.ARTIFACT)
    attached = artifact.file.sha256 if artifact else ""
    return attached == (card.artifact.sha256 if card.artifact else "")


def _attach(version: ModelVersion, row: ModelCard, upload: files.Upload, now: datetime) -> None:
    evidence.attach_generated(
        version=version,
        kind=EvidenceKind.CARD_DRAFT,
        path=upload.path,
        name=f"{row.number}.pdf",
        media_type="application/pdf",
        actor=row.requested_by or version.submitted_by,
        now=now,
    )


def _tell(version: ModelVersion, row: ModelCard) -> None:
    auditors = permissions.people_with(permissions.AUDIT, version.model)
    telling.announce(
        version.model,
        {version.model.owner, version.submitted_by, *auditors},
        event=Event.CARD_ISSUED,
        text=f"Model card {row.number} of {version} is issued.",
        link=row.get_absolute_url(),
    )


def _fail(card_id: int, token: uuid.UUID, sentence: str) -> bool:
    with transaction.atomic():
        _, row = _mine(card_id)
        if row.token == token and row.status == RunStatus.RUNNING:
            _set_failed(row, sentence, timezone.now())
    return False


def _set_failed(row: ModelCard, sentence: str, now: datetime) -> None:
    row.status, row.token, row.finished_at, row.error, row.progress_text = RunStatus.CRASHED, None, now, sentence, ""
    row.save()
    telling.tell(
        row.version,
        {row.version.model.owner, row.version.submitted_by},
        event=Event.CARD_FAILED,
        text=f"Model card {row.number} of {row.version} could not be made. {sentence}",
        link=row.get_absolute_url(),
        asks_for_act=True,
    )
    _record(Event.CARD_FAILED, row, None)


def sweep(*, now: datetime | None = None) -> tuple[int, ...]:
    """Ids of cards that wait too long or lost their worker, to be hinted again; exhausted ones are given up."""
    now = now or timezone.now()
    silent = Q(status=RunStatus.RUNNING, lease_until__lt=now)
    for card_id in ModelCard.objects.filter(silent, attempt__gte=ATTEMPTS).values_list("pk", flat=True):
        with transaction.atomic():
            _, row = _mine(card_id)
            if row.status == RunStatus.RUNNING and row.lease_until is not None and row.lease_until < now:
                _set_failed(row, f"The worker died on each of {row.attempt} attempts.", now)
    waiting = Q(status=RunStatus.QUEUED, hinted_at__lt=now - HINT_AGAIN) | silent
    ids = tuple(ModelCard.objects.filter(waiting, attempt__lt=ATTEMPTS).order_by("pk").values_list("pk", flat=True))
    ModelCard.objects.filter(pk__in=ids).update(hinted_at=now)
    return ids


def download(*, card_id: int, actor: User, exporter: str = "pdf") -> Download:
    """A finished card in one format. Recorded in the ledger. Raises NotPermitted, or Refused if there is none yet."""
    row = ModelCard.objects.select_related("version__model", "pdf").get(pk=card_id)
    permissions.require_view(actor, row.version)
    if row.status != RunStatus.FINISHED or row.pdf is None:
        raise Refused("This card is not made yet.")
    kind = exporters.load().get(exporter)
    if kind is None:
        raise Refused(f"There is no format “{exporter}”; known: {', '.join(sorted(exporters.load()))}.")
    card = Card.from_document(row.content.encode())
    parts = kind().handed_out(card, Holdings(row, card, actor))
    first = next(parts)  # what cannot be had is said now, before anything is recorded or sent
    given = renewals.newest(row)
    with transaction.atomic():
        _record(Event.CARD_DOWNLOADED, row, actor, format=exporter, **({"renewed": given.pdf.sha256} if given else {}))
    return Download(f"{row.number}{kind.suffix}", kind.media_type, chain([first], parts), streamed=kind.streamed)


def _mine(card_id: int) -> tuple[ModelVersion, ModelCard]:
    """The version, locked first as everywhere, and the card, locked too."""
    version = ModelVersion.objects.locked().get(
        pk=ModelCard.objects.values_list("version_id", flat=True).get(pk=card_id)
    )
    row = ModelCard.objects.select_for_update(of=("self",)).get(pk=card_id)
    row.version = version
    return version, row


def _record(event: Event, row: ModelCard, actor: User | None, **facts: str) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=row.version,
        scope=row.version.scope,
        reason=row.error,
        facts={
            "card": row.pk,
            "number": row.number,
            "kind": row.kind,
            "document": row.digest,
            "pdf": row.pdf.sha256 if row.pdf else "",
            **facts,
        },
    )
