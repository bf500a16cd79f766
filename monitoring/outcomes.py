"""Takes in outcomes that come after the rows they belong to, sets them beside the batches, and orders new readings.

A delivery is used as a whole or not at all: contradictory outcomes decide nothing. What was delivered before is
replaced only by a delivery that says that it corrects, and why.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import files, kept_results, permissions, referring, refusals, telling
from approvals.events import Event as ApprovalsEvent
from approvals.models import EvidenceKind, ModelVersion
from approvals.models.checks import RunStatus
from approvals.sandbox import DENIED, SandboxError
from approvals.stages import Role
from monitoring import inputs, leases, rematching
from monitoring.batches import declared, require_may_deliver
from monitoring.events import Event
from monitoring.models import Batch, Matching, MatchVerdict, OutcomeDelivery
from monitoring.monitors._late_outcomes import UNCHECKED, OutcomeMatching
from monitoring.outcomes_in_use import MATCH_TASK, may_match, order_readings
from portal import access_tokens, hints, ledger, notify
from portal.errors import BadInput, Refused
from portal.models import AccessToken
from portal.texts import require_reason, require_storable

TROUBLES_SAID = 20
UNMEASURABLE = {"input": MatchVerdict.NOT_COMPUTABLE}
"""A connection that does not answer is an error here: it says nothing about what was delivered."""


class KnownDelivery(BadInput):
    """The same bytes are a delivery of this version already. Where matching it had ended in an error, it is again."""

    code = "known-delivery"

    def __init__(self, delivery: OutcomeDelivery, *, is_matched_again: bool) -> None:
        again = ", which ended in an error; it is matched again" if is_matched_again else " already"
        super().__init__(f"These bytes are the delivery “{delivery.name}”{again}.", field="file")
        self.delivery = delivery
        self.is_matched_again = is_matched_again


def receive(  # noqa: PLR0913  (a delivery is that many facts)
    *,
    version_id: int,
    actor: User,
    stream: BinaryIO,
    name: str,
    corrects: bool = False,
    description: str = "",
    token: AccessToken | None = None,
    limit: int | None = None,
    now: datetime | None = None,
) -> OutcomeDelivery:
    """Store a delivery and queue its matching. `token` is that of the program, if it is one; `limit` the most bytes.

    Raises NotPermitted, Refused (not deployed, no key declared) or BadInput with the sentence for the form; nothing is
    kept then.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="deliver outcomes")
    with recorded:
        require_may_deliver(version, actor)
        details = joining_columns(version)
        require_storable(name, field="name")
        require_storable(description, field="description")
        if corrects:
            asks = "Say in at least {least} characters why outcomes are corrected."
            require_reason(description, field="description", asks=asks)
        with files.incoming(stream, limit=limit) as upload:
            reference = files.reference_in(EvidenceKind.EVALUATION_TABLE, upload, name=name)
            table = referring.require_may_refer(actor, version.model, reference) if reference else None
            if table is not None and table.is_relation:
                raise BadInput(
                    "Outcomes are delivered in files; declare a relation as their source, and they are taken from it.",
                    field="file",
                )
            files.judge_delivery(upload, name=name, details=details, table=table)
            with transaction.atomic():
                version = ModelVersion.objects.locked().get(pk=version_id)
                require_may_deliver(version, actor)
                known = OutcomeDelivery.objects.filter(version=version, file__sha256=upload.sha256, corrects=corrects)
                if (earlier := known.first()) is not None:
                    again = rematching.sent_again(earlier, actor=actor, token=token, now=now)
                else:
                    said = (name.strip() or Path(name).name)[:200], description.strip()
                    return _kept(version, actor, upload, said=said, corrects=corrects, token=token, now=now)
            raise KnownDelivery(earlier, is_matched_again=again)


def _kept(
    version: ModelVersion,
    actor: User,
    upload: files.Upload,
    *,
    said: tuple[str, str],
    corrects: bool,
    token: AccessToken | None,
    now: datetime,
) -> OutcomeDelivery:
    """The delivery of an upload that was judged and is new, with name and description. The version is locked."""
    delivery = OutcomeDelivery.objects.create(
        version=version,
        file=files.stored(upload),
        name=said[0],
        description=said[1],
        corrects=corrects,
        uploaded_by=actor,
        token=token,
        received_at=now,
    )
    matching = Matching.objects.create(delivery=delivery, requested_at=now, hinted_at=now)
    hints.send_after_commit(MATCH_TASK, matching.pk)
    facts = {"sha256": upload.sha256, "corrects": corrects, "reason": delivery.description}
    _record(Event.OUTCOMES_RECEIVED, delivery, actor=actor, token=token, **facts)
    return delivery


def opened(*, delivery_id: int, actor: User) -> BinaryIO:
    """The bytes of a delivery, opened for reading; recorded in the ledger. Raises as `batches.opened`."""
    row = OutcomeDelivery.objects.select_related("file", "version__model").get(pk=delivery_id)
    permissions.require_view(actor, row.version)
    found = files.opened(row.file)
    with transaction.atomic():
        _record(Event.OUTCOMES_VIEWED, row, actor=actor, sha256=row.file.sha256)
    return found


def joining_columns(version: ModelVersion) -> dict[str, Any]:
    """The key and the outcome as declared at approval, which a delivery must have. Refused without a key."""
    said = declared(version)
    if not said.get("key") or not said.get("label"):
        raise Refused(
            "No key column was declared for the evaluation table at approval, so outcomes cannot be joined to rows; "
            "deliver them in the label column of the batch."
        )
    return {name: said[name] for name in ("label", "key")}


def execute(matching_id: int) -> bool:
    """Match a delivery if it is free and its turn has come; gives whether this call recorded the result."""
    row = Matching.objects.select_related("delivery__version__model", "delivery__file").get(pk=matching_id)
    if _waits_for_another(row):
        return False
    token = leases.claim(Matching, matching_id, now=timezone.now())
    if token is None:
        return False
    nothing = kept_results.KeptResults(None, is_new=True)
    try:
        job, troubles = inputs.of_matching(row)
        found = leases.measure(row, token, check=OutcomeMatching, job=job, kept=nothing)
    except SandboxError as failure:
        if failure.kind == "stopped":
            return False
        verdict = UNMEASURABLE.get(failure.kind, MatchVerdict.ERROR)
        said, is_denied = [failure.sentence], failure.kind == DENIED
        return finish(row.pk, token, verdict=verdict, sentences=said, log=failure.log, is_denied=is_denied)
    numbers = {**found.details, "troubles": {**troubles, **found.details["troubles"]}}
    sentences = _in_words(numbers)
    return finish(row.pk, token, verdict=MatchVerdict.IN_USE, sentences=sentences, numbers=numbers, log=found.log)


def _waits_for_another(row: Matching) -> bool:
    """Deliveries of a version take their turn: whether one contradicts is known when those before it are."""
    open_ones = Matching.objects.filter(delivery__version=row.delivery.version, delivery__lt=row.delivery_id)
    return open_ones.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).exists()


def _in_words(numbers: dict[str, Any]) -> list[str]:
    matched = {number: one for number, one in numbers["batches"].items() if one["matched"]}
    troubles = list(numbers["troubles"].values())
    rows = sum(one["matched"] for one in matched.values())
    found = [
        f"Keys with an outcome: {numbers['keys']:,}.",
        f"Rows that have one of them: {rows:,}, in {len(matched):,} of the batches.",
    ]
    for count, words in (
        (numbers["unmatched"], f"Keys that are in no batch {'that was looked at' if troubles else 'so far'}"),
        (numbers["without_key"], "Rows without a key, which are not used"),
        (numbers["without_outcome"], "Rows with a key and no outcome yet"),
        (numbers["repeated"], "Rows that say the same of a key again"),
    ):
        if count:
            found.append(f"{words}: {count:,}.")
    more = len(troubles) - TROUBLES_SAID
    return [
        *found,
        *([numbers[UNCHECKED]] if UNCHECKED in numbers else []),
        *troubles[:TROUBLES_SAID],
        *([f"And {more:,} more batches were not looked at."] if more > 0 else []),
    ]


def finish(
    matching_id: int,
    token: uuid.UUID,
    *,
    verdict: MatchVerdict,
    sentences: list[str],
    numbers: dict[str, Any] | None = None,
    log: tuple[str, ...] = (),
    is_denied: bool = False,
    now: datetime | None = None,
) -> bool:
    """Record what became of a delivery once, and order readings of the batches that it has outcomes for.

    `is_denied` says that a connection refuses the portal's account: administrators are told, and only people try again.
    """
    now = now or timezone.now()
    with transaction.atomic():
        version, row = _mine(matching_id)
        if row.token != token or row.status != RunStatus.RUNNING:
            return False
        row.status, row.verdict, row.sentences, row.numbers = RunStatus.FINISHED, verdict, sentences, numbers or {}
        if verdict == MatchVerdict.ERROR:
            row.sentences = [*sentences, rematching.DENIED if is_denied else rematching.in_words(row.retry)]
        row.retry = rematching.MOST if is_denied else row.retry
        row.log = "\n".join(log)[:100_000]
        row.progress, row.progress_text, row.finished_at, row.token = 100, "", now, None
        row.save()
        if is_denied:
            text = f"The outcomes “{row.delivery.name}” of {version} cannot be matched. {sentences[0]}"
            notify.tell_administrators(event=Event.CONNECTION_DENIED, text=text, link=row.delivery.get_absolute_url())
        _conclude(row, version, now)
    return True


def _conclude(row: Matching, version: ModelVersion, now: datetime) -> None:
    ordered = 0
    if row.verdict == MatchVerdict.IN_USE:
        for batch in Batch.objects.filter(version=version).select_related("version").order_by("pk"):
            if may_match(row, batch):
                ordered += order_readings(batch, now=now, only_of_outcomes=True)
        if row.delivery.corrects:
            _tell_of_correction(row, version)
    elif row.verdict != MatchVerdict.ERROR or row.retry in (0, rematching.MOST):
        _tell(row, version)
    following = Matching.objects.filter(delivery__version=version, delivery__gt=row.delivery_id)
    for waiting in following.filter(status=RunStatus.QUEUED).order_by("delivery")[:1]:
        hints.send_after_commit(MATCH_TASK, waiting.pk)
    _record(Event.OUTCOMES_MATCHED, row.delivery, verdict=row.verdict, ordered=ordered, sentence=row.sentences[0])


def _tell(row: Matching, version: ModelVersion) -> None:
    telling.tell(
        version,
        {version.model.owner, row.delivery.uploaded_by},
        event=Event.OUTCOMES_MATCHED,
        text=f"The outcomes “{row.delivery.name}” of {version} are not used. {row.sentences[0]}",
        link=row.delivery.get_absolute_url(),
        asks_for_act=True,
    )


def _tell_of_correction(row: Matching, version: ModelVersion) -> None:
    """Officers hear of outcomes that are replaced, by whom and why: a correction can end an alarm."""
    officers = permissions.people_with(permissions.permission_for(Role.RISK_OFFICER), version.model)
    by = row.delivery.uploaded_by
    telling.announce(
        version.model,
        {version.model.owner, *officers} - {by},
        event=Event.OUTCOMES_MATCHED,
        text=f"Outcomes of {version} are corrected by “{row.delivery.name}” of {ledger.printed_name(by)}. "
        f"Reason: {row.delivery.description}",
        link=row.delivery.get_absolute_url(),
    )


def sweep(*, now: datetime | None = None) -> tuple[int, ...]:
    """Ids of matchings that wait too long or lost their worker, to be hinted again; exhausted ones become errors."""
    now = now or timezone.now()
    for matching_id in leases.silent(Matching, now=now):
        _give_up(matching_id, now)
    return leases.waiting(Matching, now=now)


def _give_up(matching_id: int, now: datetime) -> None:
    with transaction.atomic():
        version, row = _mine(matching_id)
        if not leases.is_lost(row, now=now):
            return
        row.status, row.verdict, row.token, row.finished_at = RunStatus.CRASHED, MatchVerdict.ERROR, None, now
        died = f"The worker died on each of {row.attempt} attempts, so these outcomes are not used."
        row.sentences = [died, rematching.in_words(row.retry)]
        row.save()
        _conclude(row, version, now)


def _mine(matching_id: int) -> tuple[ModelVersion, Matching]:
    version = ModelVersion.objects.locked().get(
        pk=Matching.objects.values_list("delivery__version_id", flat=True).get(pk=matching_id)
    )
    rows = Matching.objects.select_for_update(of=("self",)).select_related("delivery__uploaded_by")
    return version, rows.get(pk=matching_id)


def _record(
    event: Event,
    delivery: OutcomeDelivery,
    *,
    actor: User | None = None,
    token: AccessToken | None = None,
    **facts: Any,
) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=delivery.version,
        scope=delivery.version.scope,
        facts={"delivery": delivery.pk, "name": delivery.name, **access_tokens.facts_of(token), **facts},
        authentication=access_tokens.authentication_of(token),
    )
