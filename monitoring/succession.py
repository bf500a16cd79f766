"""What becomes of monitors when a renewal pins a version to a policy with another plan.

A monitor that the new plan asks for word for word goes on. Every other one ends, with its history and its findings, and
the new ones begin. No alarm is lost: it is answered before, or nothing is renewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Max

from approvals.models import ModelVersion, Policy, Revalidation
from approvals.policy_document import parse
from monitoring import monitors, outcomes_in_use, planning
from monitoring.alarms import Level
from monitoring.events import Event
from monitoring.models import Batch, Monitor, MonitorEnd, Reading
from monitoring.monitor_settings import MonitorSettings
from monitoring.staleness import STILL_READ
from monitoring.standing import AlarmState, alarms_of
from portal import ledger
from portal.errors import Refused


@dataclass(frozen=True)
class Succession:
    """Which monitors go on, which end, and the settings of those that begin."""

    kept: tuple[Monitor, ...]
    ending: tuple[Monitor, ...]
    beginning: tuple[MonitorSettings, ...]


def of(version: ModelVersion, policy: Policy) -> Succession:
    """What the plan of that policy makes of the monitors in force. Raises Refused for one that could not begin."""
    watched = list(Monitor.in_force.filter(version=version).order_by("pk"))
    wanted = planning.plan_of(parse(policy.text))
    kept = tuple(row for row in watched if any(_is_same(row, one) for one in wanted))
    return Succession(
        kept=kept,
        ending=tuple(row for row in watched if row not in kept),
        beginning=tuple(one for one in wanted if not any(_is_same(row, one) for row in kept)),
    )


def in_words(found: Succession) -> tuple[str, ...]:
    """What a renewal would do to the monitors, one sentence for each kind of them."""
    said = (
        ("Monitors that go on", (row.key for row in found.kept)),
        ("Monitors that end with the renewal", (row.key for row in found.ending)),
        ("Monitors that begin with it", (one.key for one in found.beginning)),
    )
    told = ((words, ", ".join(monitors.title_of(key) for key in keys)) for words, keys in said)
    return tuple(f"{words}: {titles}." for words, titles in told if titles)


def when_tried(*, version: ModelVersion, policy: Policy, now: datetime, **_: Any) -> tuple[str, ...]:
    """What a renewal under that policy would do to the monitors and their alarms; nothing where it watches the same."""
    try:
        found = of(version, policy)
    except Refused as refusal:
        return (f"Its monitors could not begin, so nothing would be renewed: {refusal.sentence}",)
    if not found.ending and not found.beginning:
        return ("The same monitors go on.",) if found.kept else ()
    alarms = alarms_of([*found.kept, *found.ending], now=now)
    begins = {one.key for one in found.beginning}
    return (
        *in_words(found),
        *(_goes_on(row, alarms[row.pk]) for row in found.kept if alarms[row.pk].level),
        *(_ends(row, alarms[row.pk], is_followed=row.key in begins) for row in found.ending if alarms[row.pk].level),
    )


def _goes_on(row: Monitor, state: AlarmState) -> str:
    return f"{monitors.title_of(row.key)} is in an alarm ({state.level.in_words}), which passes over: it goes on."


def _ends(row: Monitor, state: AlarmState, *, is_followed: bool) -> str:
    answered = "was answered" if state.acknowledged or state.incident else "has to be answered before the renewal"
    after = "the new one reads the newest window at once" if is_followed else "nothing watches this any more"
    return (
        f"The alarm of {monitors.title_of(row.key)} ({state.level.in_words}) does not pass over: it {answered}, ends "
        f"with the monitor, and leaves its findings open; {after}."
    )


def _is_same(row: Monitor, wanted: MonitorSettings) -> bool:
    return all(getattr(row, name) == value for name, value in vars(wanted).items())


def when_renewal_examined(*, version: ModelVersion, policy: Policy, now: datetime, **_: Any) -> str:
    """What speaks against a renewal that would end a monitor which is being read, or whose alarm nobody answered."""
    if policy.pk == version.policy_id:
        return ""
    try:
        return why_not_yet(of(version, policy), policy, now=now)
    except Refused as refusal:
        return refusal.sentence


def why_not_yet(found: Succession, policy: Policy, *, now: datetime) -> str:
    """Why the plan of that policy cannot take over now; empty if it can."""
    ending = found.ending
    reading = Reading.objects.filter(monitor__in=ending, status__in=STILL_READ).count()
    if reading:
        several = reading > 1
        return (
            f"{policy} has another monitoring plan, and {reading} reading{'s' if several else ''} of the monitors that "
            f"end with the renewal {'are' if several else 'is'} not finished: nothing would follow from it. Workers "
            "finish it by themselves."
        )
    open_ones = list(_unanswered(ending, alarms_of(ending, now=now)))
    if open_ones:
        return (
            f"{policy} has another monitoring plan, and monitors that end with the renewal are in an alarm that nobody "
            f"answered: {', '.join(open_ones)}. Acknowledge it, or link it to an incident, before the renewal: the "
            "owner, a submitter, IT operations or a risk officer does, on the page of the monitor."
        )
    return ""


def _unanswered(rows: Iterable[Monitor], alarms: Mapping[int, AlarmState]) -> Iterable[str]:
    for row in rows:
        state = alarms[row.pk]
        if state.level > Level.CALM and not (state.acknowledged or state.incident):
            yield f"{monitors.title_of(row.key)} ({state.level.in_words})"


def when_renewed(*, version: ModelVersion, revalidation: Revalidation, actor: User, now: datetime, **_: Any) -> None:
    """End and begin monitors where the renewal pinned the version to another plan; in its transaction."""
    if revalidation.pin is None or revalidation.pin.before == version.policy:
        return
    found = of(version, version.policy)
    if not found.ending and not found.beginning:
        return
    alarms = alarms_of(found.ending, now=now)
    for row in found.ending:
        MonitorEnd.objects.create(
            monitor=row, revalidation=revalidation, policy=revalidation.pin.before, level=alarms[row.pk].level, at=now
        )
    planning.begin(version, found.beginning, began_with=revalidation, now=now)
    ledger.record(
        event=Event.PLAN_CHANGED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={
            "revalidation": revalidation.pk,
            "policy_digest": version.policy.digest,
            "kept": [row.key for row in found.kept],
            "ended": [row.key for row in found.ending],
            "started": [one.key for one in found.beginning],
        },
    )
    _read_at_once(version, found, now)


def _read_at_once(version: ModelVersion, found: Succession, now: datetime) -> None:
    """The new plan says at once how the newest window stands, and takes over those that still wait for an answer."""
    batches = Batch.objects.filter(version=version)
    newest = batches.aggregate(end=Max("window_end"))["end"]
    wanted = set(batches.filter(window_end=newest).values_list("pk", flat=True))
    begins = {one.key for one in found.beginning}
    for row in found.ending:
        if row.key in begins:
            answered = Reading.objects.filter(monitor=row, batch__isnull=False, level__isnull=False)
            waiting = batches.filter(readings__monitor=row).exclude(pk__in=answered.values("batch"))
            wanted |= set(waiting.values_list("pk", flat=True))
    for batch in batches.filter(pk__in=wanted).select_related("version__policy").order_by("window_end", "pk"):
        outcomes_in_use.order_readings(batch, now=now)
