"""Windows in a row that a monitor gave no answer on, though it had the time to: no calm month before speaks for them.

Reads only. A window whose outcomes may still come in time is neither answered nor without an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef

from approvals.models.checks import RunStatus
from monitoring import monitors
from monitoring.models import Monitor, Reading, ReadingVerdict

ENDED = (RunStatus.FINISHED, RunStatus.CRASHED)
NO_ANSWER = (ReadingVerdict.NOT_COMPUTABLE, ReadingVerdict.ERROR)
ANSWERED_SINCE = Reading.objects.filter(
    monitor=OuterRef("monitor"),
    batch__window_end__gte=OuterRef("batch__window_end"),
    status__in=ENDED,
    level__isnull=False,
)
"""What the same monitor said of the same window or a later one."""


@dataclass(frozen=True)
class Silence:
    """The windows since the last answer, by their last days, oldest first; none is the usual case.

    `of_outcomes`: in all of them only the outcomes are missing, and were due. `raised_on` is the day from which on it
    could be known that they are too many; None while they are not.
    """

    days: tuple[date, ...]
    of_outcomes: bool
    within: int
    raised_on: date | None

    @property
    def is_alarm(self) -> bool:
        """Whether they are as many as the policy takes for an alert."""
        return self.raised_on is not None

    @property
    def how_long(self) -> str:
        """For people, after the name of an alarm."""
        what = "without outcomes in time" if self.of_outcomes else "without an answer"
        return f"{_in_a_row(len(self.days))} {what}"

    @property
    def in_words(self) -> str:
        """A sentence that says what is not known, and of when."""
        first, last = self.days[0], self.days[-1]
        which = f"ending {first:%d %b %Y}" if first == last else f"ending {first:%d %b %Y} to {last:%d %b %Y}"
        if self.of_outcomes:
            return (
                f"Outcomes of {_in_a_row(len(self.days))}, {which}, did not come within {self.within} days: "
                "nothing is known there, whatever was read of earlier windows."
            )
        return (
            f"No answer on {_in_a_row(len(self.days))}, {which}: nothing is known there, whatever was "
            "read of earlier windows."
        )


def silences_of(rows: Iterable[Monitor], *, now: datetime) -> dict[int, Silence]:
    """The silence of each monitor, read in one query."""
    chosen = {row.pk: row for row in rows}
    unanswered = Reading.objects.filter(
        monitor__in=chosen, status__in=ENDED, level__isnull=True, batch__isnull=False
    ).exclude(Exists(ANSWERED_SINCE))
    newest: dict[int, dict[int, UnansweredBatch]] = {key: {} for key in chosen}
    columns = ("monitor_id", "batch_id", "batch__window_end", "verdict", "finished_at", "retry")
    for monitor, batch, day, verdict, finished_at, retry in unanswered.order_by("pk").values_list(*columns):
        earlier, read_on = newest[monitor].get(batch), (finished_at or now).date()
        since = earlier.read_on if retry and earlier else read_on  # trying again makes no silence younger
        newest[monitor][batch] = UnansweredBatch(day, verdict, since)
    return {key: silence(chosen[key], newest[key].values(), today=now.date()) for key in chosen}


@dataclass(frozen=True)
class UnansweredBatch:
    """Last day of the window, what the reading said instead of an answer, and the day on which it did."""

    day: date
    verdict: str
    read_on: date


def silence(monitor: Monitor, batches: Iterable[UnansweredBatch], *, today: date) -> Silence:
    """Out of the batches since the last answer."""
    wait = timedelta(days=monitor.outcomes_within_days)
    of_outcomes: dict[date, bool] = {}
    known_on: dict[date, date] = {}
    for batch in batches:
        waits = batch.verdict == ReadingVerdict.NO_LABELS
        since = max(batch.day + wait + timedelta(days=1), batch.read_on) if waits else batch.read_on
        if since <= today and (waits or batch.verdict in NO_ANSWER):
            of_outcomes[batch.day] = of_outcomes.get(batch.day, True) and waits
            known_on[batch.day] = min(since, known_on.get(batch.day, since))
    enough = sorted(known_on.values())[monitor.unanswered_after - 1 :]
    return Silence(
        days=tuple(sorted(of_outcomes)),
        of_outcomes=bool(of_outcomes) and all(of_outcomes.values()),
        within=monitor.outcomes_within_days,
        raised_on=enough[0] if enough else None,
    )


def reads_batches(monitor: Monitor) -> bool:
    """Whether it is read on each batch; a monitor that this portal does not have would be."""
    kind = monitors.find(monitor.key)
    return kind is None or kind.needs_batch


def _in_a_row(count: int) -> str:
    return "1 window" if count == 1 else f"{count} windows in a row"
