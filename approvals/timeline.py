"""What happened to a version, out of the ledger, in words. Reads only."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from approvals import dossier
from approvals.events import Event
from approvals.models import ModelVersion
from approvals.requirements.base import Case
from approvals.stages import Stage
from portal.models import LedgerEntry

SENTENCES = {
    "approvals.version.registered": "Registered",
    "approvals.version.advanced": "Advanced",
    "approvals.version.returned": "Sent back",
    "approvals.version.rejected": "Rejected",
    "approvals.version.withdrawn": "Withdrawn",
    "approvals.version.suspended": "Suspended",
    "approvals.version.reinstated": "Reinstated",
    "approvals.version.retired": "Retired",
    "approvals.version.repinned": "Another policy pinned",
    "approvals.version.viewed": "Read by an auditor",
    "approvals.version.move_refused": "Move refused",
    "approvals.evidence.attached": "Evidence attached",
    "approvals.evidence.viewed": "Evidence read",
    "approvals.answer.recorded": "Answer recorded",
    "approvals.check.requested": "Check requested",
    "approvals.check.finished": "Check finished",
    "approvals.check.result_refused": "Late check result refused",
    "approvals.signoff.signed": "Signed",
    "approvals.signoff.refused": "Signature refused",
    "approvals.signoff.voided": "Sign-offs no longer count",
    "approvals.signoff.restored": "Sign-offs count again",
    "approvals.finding.opened": "Finding opened",
    "approvals.finding.accepted": "Finding accepted",
    "approvals.finding.closed": "Finding closed",
    "approvals.mitigation.recorded": "Mitigation recorded",
    "approvals.comment.added": "Commented",
    "approvals.act.refused": "Act refused",
}
DETAILS = ("kind", "check", "monitor", "verdict", "role", "title", "measure", "question", "act", "to", "name", "number")
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
    """Digest of each stage's dossier when the approval last began to hold; empty before that.

    What happens to a deployed version later, a finding of a monitor for example, changes the dossiers that a new
    signature would cover, and takes nothing away from those that the approval rests on.
    """
    if version.stage not in APPROVED:
        return {}
    rows = LedgerEntry.objects.filter(
        object_type="approvals.modelversion",
        object_id=str(version.pk),
        event__in=(Event.VERSION_ADVANCED, Event.VERSION_REINSTATED),
    ).order_by("-seq")
    for payload in rows.values_list("payload", flat=True):
        facts = json.loads(payload)["facts"]
        if facts.get("to") == Stage.MONITORING:
            return {str(stage): str(digest) for stage, digest in facts["dossiers"].items()}
    return {}


def standing_sign_offs(version: ModelVersion, case: Case | None = None) -> frozenset[int]:
    """Ids of the sign-offs that count: now, or for an approved version those that its approval rests on."""
    case = case or dossier.load_case(version)
    case = replace(case, dossiers=dossiers_at_approval(version) or case.dossiers)
    return frozenset(signed.id for signed in case.sign_offs if case.counts(signed))


def _line(row: LedgerEntry) -> TimelineLine:
    payload = json.loads(row.payload)
    facts = payload.get("facts", {})
    about = [str(facts[name]).replace("_", " ") for name in DETAILS if isinstance(facts.get(name), str)]
    words = SENTENCES.get(row.event) or _words(row.event)
    sentence = f"{words}: {', '.join(about)}" if about else words
    return TimelineLine(sentence[:LONGEST], row.actor_name, row.at, row.seq, str(payload.get("reason", "")))


def _words(event: str) -> str:
    _, subject, act = (*event.split(".", 2), "", "")[:3]
    return f"{subject} {act}".replace("_", " ").strip().capitalize()
