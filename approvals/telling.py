"""Somebody always hears of a version: who answers for it, else whoever has a role on its model, else administrators."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import User

from approvals import permissions
from approvals.models import ModelVersion
from portal import ledger, notify

CURE = "Give the model an owner and a risk officer."


@dataclass(frozen=True)
class Hearers:
    """Who is told. `why` says why it is others than those who answer for the version; empty where these are there."""

    people: frozenset[User]
    why: str = ""


def hearers(version: ModelVersion, people: Collection[User]) -> Hearers:
    """Those of these people who are active; where none of them may see the model any more, others, too."""
    active = frozenset(person for person in people if person.is_active)
    if any(permissions.may_view(person, version.model) for person in active):
        return Hearers(active)
    others = frozenset(permissions.people_of(version.model)) or frozenset(notify.administrators())
    names = ", ".join(sorted(ledger.name_of(person) for person in people))
    gone = f"because {names} left or may not see it" if names else "because nobody else is left"
    return Hearers(active | others, f"You are told of {version} {gone}. {CURE}")


def tell(
    version: ModelVersion, people: Collection[User], *, event: StrEnum, text: str, link: str, asks_for_act: bool = False
) -> None:
    """Tell these people, or whoever is there instead; by mail to the administrators' addresses if there is nobody."""
    found = hearers(version, people)
    said = f"{text} {found.why}".strip()
    asks_for_act = asks_for_act or bool(found.why)
    notify.notify(recipients=found.people, event=event, text=said, link=link, asks_for_act=asks_for_act)
    if not found.people:
        notify.mail_administrators(text=said, link=link)
