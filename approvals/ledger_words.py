"""Ledger entries about a version as sentences, for the timeline and the card. Other apps add words for their events.

Facts were written by earlier releases too: an entry without a fact is told without it, and nothing here raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from approvals import checks
from approvals.models import EvidenceKind, RevalidationTrigger
from approvals.models.checks import Verdict
from approvals.models.signoffs import SignOffDecision
from approvals.stages import Role, Stage

Facts = Mapping[str, Any]
Words = Callable[[Facts], str]

DECISIONS = {
    SignOffDecision.APPROVE.value: "Signed as {role}",
    SignOffDecision.APPROVE_WITH_CONDITIONS.value: "Signed with conditions as {role}",
    SignOffDecision.REQUEST_CHANGES.value: "Changes requested as {role}",
    SignOffDecision.REJECT.value: "Rejection signed as {role}",
}


def _signed(facts: Facts) -> str:
    words = DECISIONS.get(str(facts.get("decision")), "Signed as {role}")
    role = str(facts.get("role", ""))
    name = Role(role).in_words if role in Role.values else role.replace("_", " ")
    return words.format(role=name) + _of_stage(facts)


def _of_stage(facts: Facts) -> str:
    return f" ({_stage(facts.get('stage'))})" if facts.get("stage") else ""


def _stage(value: Any) -> str:
    return _label(Stage, value).lower()


def _label(choices: type[Enum], value: Any) -> str:
    """The label of a choice; what is no choice (any more) as it was written."""
    try:
        return str(choices(value).label)  # type: ignore[attr-defined]
    except ValueError:
        return str(value).replace("_", " ")


def _moved(verb: str) -> Words:
    def words(facts: Facts) -> str:
        return f"{verb} {_stage(facts['to'])}" if facts.get("to") else verb

    return words


def _plain(words: str) -> Words:
    return lambda _: words


def _about(words: str, name: str) -> Words:
    return lambda facts: f"{words}: {facts[name]}" if facts.get(name) else words


def _evidence(words: str) -> Words:
    def said(facts: Facts) -> str:
        kind = _label(EvidenceKind, facts.get("kind", "")).lower()
        return f"{words}: {kind}" + (f", {facts['name']}" if facts.get("name") else "")

    return said


def _check(words: str) -> Words:
    def said(facts: Facts) -> str:
        title = checks.title_of(str(facts.get("check", "")))
        verdict = f", {_label(Verdict, facts['verdict']).lower()}" if facts.get("verdict") else ""
        return f"{words}: {title}{verdict}"

    return said


def _answered(facts: Facts) -> str:
    section = str(facts.get("section", "")).replace("_", " ")
    return f"Answer recorded: {section}, {str(facts.get('question', '')).replace('_', ' ')}"


def _sign_offs(words: str) -> Words:
    def said(facts: Facts) -> str:
        roles = dict.fromkeys(_label(Role, one.get("role")) for one in facts.get("sign_offs", ()))
        return f"{words}: {', '.join(roles)}" if roles else words

    return said


def _finding(words: str) -> Words:
    def said(facts: Facts) -> str:
        severity = f" ({str(facts['severity']).lower()})" if facts.get("severity") else ""
        return f"{words}{severity}: {facts.get('title', '')}"

    return said


def _time(words: str) -> Words:
    def said(facts: Facts) -> str:
        due = f", due on {facts['due_on']}" if facts.get("due_on") else ""
        return f"{words}: {_stage(facts['stage'])}{due}" if facts.get("stage") else words

    return said


def _exception(words: str) -> Words:
    def said(facts: Facts) -> str:
        emergency = "EMERGENCY OVERRIDE. " if facts.get("exception") == "emergency" else ""
        return f"{emergency}{words}: {facts.get('title', '')}"

    return said


def _refused(facts: Facts) -> str:
    return f"Refused: {str(facts.get('act', 'an act')).replace('_', ' ')}"


def _repinned(facts: Facts) -> str:
    return f"Another policy pinned: {facts.get('before', '')} became {facts.get('policy', '')}"


def _pass_repinned(facts: Facts) -> str:
    return f"The revalidation is judged by {facts.get('policy', 'another policy')} instead of {facts.get('before', '')}"


def _revalidation(words: str) -> Words:
    def said(facts: Facts) -> str:
        trigger = f" ({_label(RevalidationTrigger, facts['trigger']).lower()})" if facts.get("trigger") else ""
        due = f", due on {facts['due_on']}" if facts.get("due_on") else ""
        return f"{words}{trigger}{due}"

    return said


def _failed(facts: Facts) -> str:
    return f"The portal could not act by itself: {facts.get('what', '')} {facts.get('sentence', '')}"


def _renewed(facts: Facts) -> str:
    until = f" until {str(facts['valid_until'])[:10]}" if facts.get("valid_until") else ""
    under = f", from now on under {facts['policy']} instead of {facts['policy_before']}" if "policy" in facts else ""
    return f"The approval is renewed{until}{under}"


def _decommissioned(facts: Facts) -> str:
    state = "done" if facts.get("applies", True) else "does not apply"
    return f"Decommissioning, {str(facts.get('item', 'item')).replace('_', ' ')}: {state}"


WORDS: dict[str, Words] = {
    "approvals.version.registered": _about("Version registered", "number"),
    "approvals.version.advanced": _moved("Advanced to"),
    "approvals.version.returned": _moved("Sent back to"),
    "approvals.version.rejected": _plain("The version is rejected"),
    "approvals.version.withdrawn": _plain("The version is withdrawn"),
    "approvals.version.suspended": _plain("The approval is suspended"),
    "approvals.version.reinstated": _plain("The approval holds again"),
    "approvals.version.retired": _plain("The version is retired"),
    "approvals.version.repinned": _repinned,
    "approvals.version.viewed": _plain("Read by an auditor"),
    "approvals.version.move_refused": _refused,
    "approvals.evidence.attached": _evidence("Evidence attached"),
    "approvals.evidence.viewed": _evidence("Evidence read"),
    "approvals.answer.recorded": _answered,
    "approvals.check.requested": _check("Check requested"),
    "approvals.check.finished": _check("Check finished"),
    "approvals.check.stopped": _check("Check stopped"),
    "approvals.check.result_refused": _check("Late check result refused"),
    "approvals.signoff.signed": _signed,
    "approvals.signoff.refused": _refused,
    "approvals.signoff.voided": _sign_offs("Sign-offs no longer count"),
    "approvals.signoff.restored": _sign_offs("Sign-offs count again"),
    "approvals.finding.opened": _finding("Finding opened"),
    "approvals.finding.accepted": _finding("Finding accepted"),
    "approvals.finding.closed": _finding("Finding closed"),
    "approvals.mitigation.recorded": _about("Mitigation planned", "measure"),
    "approvals.time.reminded": _time("Reminded"),
    "approvals.time.escalated": _time("Overdue, escalated"),
    "approvals.waiver.asked": _exception("Exception asked for"),
    "approvals.waiver.signed": _exception("Exception signed"),
    "approvals.waiver.revoked": _exception("Exception revoked"),
    "approvals.act.failed": _failed,
    "approvals.revalidation.opened": _revalidation("Revalidation opened"),
    "approvals.revalidation.repinned": _pass_repinned,
    "approvals.revalidation.reminded": _revalidation("Reminded of the revalidation"),
    "approvals.revalidation.overdue": _revalidation("Revalidation overdue"),
    "approvals.revalidation.renewed": _renewed,
    "approvals.revalidation.refused": _plain("The approval is not renewed"),
    "approvals.revalidation.ended": _plain("Revalidation ended with the version"),
    "approvals.restriction.imposed": _about("Use restricted", "text"),
    "approvals.restriction.lifted": _about("Condition of use lifted", "text"),
    "approvals.decommission.answered": _decommissioned,
    "approvals.comment.added": _plain("Commented"),
    "approvals.act.refused": _refused,
}


def sentence(event: str, facts: Facts) -> str:
    """One entry in words, without its actor and time."""
    words = WORDS.get(event)
    if words is not None:
        return words(facts)
    _, subject, act = (*event.split(".", 2), "", "")[:3]
    return f"{subject} {act}".replace("_", " ").strip().capitalize()
