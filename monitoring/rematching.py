"""Deliveries whose matching ended in an error are matched again: by the schedule a few times, and when a person asks.

An error says nothing about the delivery. One that was refused for what it says stays refused.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from approvals import refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from monitoring import tries
from monitoring.batches import DEPLOYED, require_may_deliver
from monitoring.events import Event
from monitoring.models import Matching, MatchVerdict, OutcomeDelivery
from monitoring.outcomes_in_use import MATCH_TASK
from portal import access_tokens, hints, ledger
from portal.errors import Refused
from portal.models import AccessToken

MOST = tries.OF_ERRORS
ENDED = (RunStatus.FINISHED, RunStatus.CRASHED)


DENIED = (
    "It says nothing about the outcomes. They are not matched again by themselves, which might lock the account; when "
    "that is corrected, send the same file again, or use “Match again” on the page of the delivery."
)
"""What follows where a connection refuses the portal's account."""


def in_words(retry: int) -> str:
    """What follows from an error."""
    if retry < MOST:
        return "It says nothing about the outcomes: they are matched again in an hour, by themselves."
    return (
        f"They were matched again {MOST} times and are not any more by themselves; when the cause is gone, send the "
        "same file again, or use “Match again” on the page of the delivery."
    )


def may_be_matched_again(row: Matching) -> bool:
    """Whether its last matching ended in an error, which says nothing about it."""
    return row.status in ENDED and row.verdict == MatchVerdict.ERROR


def match_again(*, delivery_id: int, actor: User, now: datetime | None = None) -> OutcomeDelivery:
    """Match a delivery again. Raises NotPermitted, or Refused unless its last matching ended in an error."""
    found = OutcomeDelivery.objects.select_related("version__model").get(pk=delivery_id)
    recorded = refusals.recorded(
        event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=found.version, act="match outcomes again"
    )
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=found.version_id)
        require_may_deliver(version, actor)
        row = _locked(found)
        if row.status not in ENDED:
            raise Refused("These outcomes are being matched already.")
        if not may_be_matched_again(row):
            became = row.get_verdict_display().lower()
            raise Refused(f"These outcomes were matched ({became}), and the same bytes say the same again.")
        order(row, actor=actor, now=now or timezone.now())
    return found


def sent_again(delivery: OutcomeDelivery, *, actor: User, token: AccessToken | None, now: datetime) -> bool:
    """The same bytes came again, of a locked version: match them again if that ended in an error. Gives whether."""
    row = _locked(delivery)
    if not may_be_matched_again(row):
        return False
    order(row, actor=actor, token=token, now=now)
    return True


def order_due(*, now: datetime | None = None) -> int:
    """Order those whose error is an hour old and that were not tried often; gives how many."""
    now = now or timezone.now()

    def order_again(row: Matching, version: ModelVersion) -> None:
        del version  # it is locked
        order(_locked(row.delivery), actor=None, now=now)

    return tries.each(lambda: _due(now), "delivery__version_id", order_again)


def order(row: Matching, *, actor: User | None, now: datetime, token: AccessToken | None = None) -> None:
    """Put it back into the queue; the version is locked. Whoever asks begins the tries of the schedule anew."""
    row.retry = row.retry + 1 if actor is None else 0
    row.status, row.token, row.lease_until, row.attempt = RunStatus.QUEUED, None, None, 0
    row.verdict, row.sentences, row.numbers, row.log = "", [], {}, ""
    row.progress, row.progress_text, row.finished_at, row.hinted_at = 0, "", None, now
    row.save()
    hints.send_after_commit(MATCH_TASK, row.pk)
    version = row.delivery.version
    ledger.record(
        event=Event.OUTCOMES_TRIED_AGAIN,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"delivery": row.delivery_id, "name": row.delivery.name, **access_tokens.facts_of(token)},
        authentication=access_tokens.authentication_of(token),
    )


def _due(now: datetime) -> QuerySet[Matching]:
    return Matching.objects.filter(
        tries.is_due(now, most=MOST),
        verdict=MatchVerdict.ERROR,
        status__in=ENDED,
        delivery__version__stage__in=DEPLOYED,
    ).select_related("delivery")


def _locked(delivery: OutcomeDelivery) -> Matching:
    rows = Matching.objects.select_for_update(of=("self",)).select_related("delivery__version__model")
    return rows.get(delivery=delivery)
