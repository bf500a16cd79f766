"""Celery tasks of the cards: thin, idempotent, with an id as their only argument."""

from __future__ import annotations

from celery import shared_task

from modelcards import issuing, renewals, seals
from modelcards.exporters.pdf import PATIENCE_SECONDS
from portal import hints

# A card is printed at most four times: once more where a letter is missing, and all again without timestamps.
LONGEST = 4 * PATIENCE_SECONDS + 300


@shared_task(name=issuing.TASK, soft_time_limit=LONGEST, time_limit=LONGEST + 30)
def issue(card_id: int) -> bool:
    """Make one card, if it still waits."""
    return issuing.execute(card_id)


@shared_task(name="modelcards.tasks.sweep")
def sweep() -> int:
    """Hint again what waits too long."""
    waiting = issuing.sweep()
    for card_id in waiting:
        hints.send(issuing.TASK, card_id)
    return len(waiting)


@shared_task(name="modelcards.tasks.look_after_seal")
def look_after_seal() -> int:
    """Make the list of revoked certificates anew, and tell administrators what ends soon."""
    return seals.look_after()


@shared_task(name="modelcards.tasks.renew_timestamps")
def renew_timestamps() -> int:
    """Renew the timestamps of cards whose certificate ends soon; gives how many were renewed."""
    return sum(one.done for one in renewals.renew_due())
