"""The one place that says to people what is about a model: nobody who may not view it reads a word of it.

Somebody always hears of a version: who answers for it, else whoever has a role on its model, else administrators.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction

from approvals import permissions
from approvals.events import Event
from approvals.models import ModelVersion, RegisteredModel
from approvals.stages import Role
from portal import ledger, notify
from portal.models import LedgerEntry

CURE = "Give the model an owner and a risk officer."


@dataclass(frozen=True)
class Hearers:
    """Who is told. `why` says why it is others than those who answer for the version; empty where these are there."""

    people: frozenset[User]
    why: str = ""


def viewers(model: RegisteredModel, people: Iterable[User]) -> frozenset[User]:
    """Those of these people who are active and may view the model."""
    return frozenset(person for person in people if permissions.may_view(person, model))


def announce(
    model: RegisteredModel,
    people: Iterable[User],
    *,
    event: StrEnum,
    text: str,
    link: str,
    asks_for_act: bool = False,
    to_others: str = "",
) -> None:
    """Put one line about a model into the inbox, and the mail, of those of these people who may view it.

    `to_others` is what the others are told, without a word about the model; nothing where it is empty.
    """
    asked = frozenset(people)
    seeing = viewers(model, asked)
    notify.notify(recipients=seeing, event=event, text=text, link=link, asks_for_act=asks_for_act)
    if to_others:
        notify.notify(recipients=asked - seeing, event=event, text=to_others, link=link, asks_for_act=asks_for_act)


def hearers(version: ModelVersion, people: Collection[User]) -> Hearers:
    """Those of these people who may view the model; where none of them may any more, others."""
    found = viewers(version.model, people)
    if found:
        return Hearers(found)
    others = frozenset(permissions.people_of(version.model)) or frozenset(notify.administrators())
    names = ", ".join(sorted(ledger.name_of(person) for person in people))
    gone = f"because {names} left or may not see it" if names else "because nobody else is left"
    return Hearers(others, f"You are told of {version} {gone}. {CURE}")


def tell(
    version: ModelVersion, people: Collection[User], *, event: StrEnum, text: str, link: str, asks_for_act: bool = False
) -> None:
    """Tell these people, or whoever is there instead; by mail to the administrators' addresses if there is nobody."""
    found = hearers(version, people)
    said = f"{text} {found.why}".strip()
    asks_for_act = asks_for_act or bool(found.why)
    announce(version.model, found.people, event=event, text=said, link=link, asks_for_act=asks_for_act)
    if not found.people:
        notify.mail_administrators(text=said, link=link)


def tell_refused(version_id: int, sentence: str, what: str, *, now: datetime) -> None:
    """Tell those who answer for a version, and administrators, what the portal could not do by itself: once a day."""
    with transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        facts = {"what": what, "sentence": sentence, "on": now.date().isoformat()}
        if _was_told(version, facts):
            return
        officers = permissions.people_with(permissions.permission_for(Role.RISK_OFFICER), version.model)
        people = {version.model.owner, version.submitted_by, *officers}
        text, link = f"{version}: {what} {sentence}", version.get_absolute_url()
        tell(version, people, event=Event.ACT_FAILED, text=text, link=link, asks_for_act=True)
        notify.tell_administrators(event=Event.ACT_FAILED, text=text, link=link)
        ledger.record(event=Event.ACT_FAILED, actor=None, subject=version, scope=version.scope, facts=facts)


def _was_told(version: ModelVersion, facts: dict[str, str]) -> bool:
    """Whether an entry of these facts, which name the day, is there. The version is locked: two schedules tell once."""
    entries = LedgerEntry.objects.filter(
        event=Event.ACT_FAILED, object_type="approvals.modelversion", object_id=str(version.pk)
    )
    of_the_day = entries.filter(payload__contains=f'"on":{ledger.canonical(facts["on"])}')
    return any(json.loads(text)["facts"] == facts for text in of_the_day.values_list("payload", flat=True))
