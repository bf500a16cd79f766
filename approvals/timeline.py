"""What happened to a version, out of the ledger, in words. Reads only."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from approvals import dossier, judging, ledger_words
from approvals.events import Event
from approvals.models import ModelVersion
from approvals.requirements.base import Case
from approvals.stages import Stage
from portal.models import LedgerEntry

LONGEST = 160
APPROVED = (Stage.MONITORING, Stage.RETIRED)
"""Stages in which an approval holds, or held to the end."""


@dataclass(frozen=True)
class TimelineLine:
    """One ledger entry about a version."""

    sentence: str
    by: str
    at: datetime
    seq: int
    reason: str = ""


def lines_of(
    version: ModelVersion, *, newest: int | None = None, without: Collection[str] = ()
) -> tuple[TimelineLine, ...]:
    """Entries about the version, newest first; `without` names events that are left out."""
    rows = (
        LedgerEntry.objects.filter(object_type="approvals.modelversion", object_id=str(version.pk))
        .exclude(event__in=without)
        .order_by("-seq")
    )
    return tuple(_line(row) for row in rows[:newest])


def dossiers_at_approval(version: ModelVersion) -> dict[str, str]:
    """Digest of each stage's dossier when the approval last began to hold or was renewed; empty before that.

    What happens to a deployed version later, a finding of a monitor for example, changes the dossiers that a new
    signature would cover, and takes nothing away from those that the approval rests on.
    """
    return {str(stage): str(digest) for stage, digest in _at_approval(version).get("dossiers", {}).items()}


def suspension_reason(version: ModelVersion) -> str:
    """Why a suspended version was suspended last, in the words of the ledger; empty for any other."""
    if version.stage != Stage.SUSPENDED:
        return ""
    rows = LedgerEntry.objects.filter(
        object_type="approvals.modelversion", object_id=str(version.pk), event=Event.VERSION_SUSPENDED
    )
    last = rows.order_by("-seq").first()
    return str(json.loads(last.payload).get("reason", "")) if last is not None else ""


def exceptions_at_approval(version: ModelVersion) -> frozenset[int]:
    """Ids of the exceptions from the policy without which the approval would not have begun to hold."""
    return frozenset(int(number) for number in _at_approval(version).get("exceptions", ()))


def _at_approval(version: ModelVersion) -> dict[str, Any]:
    """Facts of the move by which the approval last began to hold; empty before that."""
    if version.stage not in APPROVED:
        return {}
    rows = LedgerEntry.objects.filter(
        object_type="approvals.modelversion",
        object_id=str(version.pk),
        event__in=(Event.VERSION_ADVANCED, Event.VERSION_REINSTATED, Event.REVALIDATION_RENEWED),
    ).order_by("-seq")
    for payload in rows.values_list("payload", flat=True):
        facts: dict[str, Any] = json.loads(payload)["facts"]
        if facts.get("to") == Stage.MONITORING:
            return facts
    return {}


def standing_sign_offs(version: ModelVersion, case: Case | None = None) -> frozenset[int]:
    """Ids of the sign-offs that count: now, or for an approved version those that its approval rests on."""
    approved, case = dossiers_at_approval(version), case or dossier.load_case(version)
    if approved and case.policy_digest != version.policy.digest:  # a pass under way asks by another policy
        case = dossier.load_case(version, judging.of_approval(version))
    case = replace(case, dossiers=approved or case.dossiers)
    return frozenset(signed.id for signed in case.sign_offs if case.counts(signed))


def _line(row: LedgerEntry) -> TimelineLine:
    payload = json.loads(row.payload)
    words = ledger_words.sentence(row.event, payload.get("facts", {}))
    return TimelineLine(words[:LONGEST], row.actor_name, row.at, row.seq, str(payload.get("reason", "")))
