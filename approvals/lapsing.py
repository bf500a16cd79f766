"""Why an approval no longer holds by itself: expired, an overdue condition or revalidation, an exception that ended."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from approvals import dossier, judging, policy, timeline, voiding
from approvals.models import Finding, ModelVersion, SignOff, Waiver
from approvals.models.findings import FindingSource, FindingStatus
from approvals.models.revalidations import pass_under_way
from approvals.policy_document import parse, pinned
from approvals.revalidation_rules import SUSPEND
from approvals.stages import Role, Stage
from portal.errors import BadInput, Refused


def lapsed(version: ModelVersion, now: datetime) -> str:
    """Why an approval no longer holds by itself; empty if it does."""
    if version.approval_expires_at is not None and version.approval_expires_at <= now:
        return f"The approval expired on {version.approval_expires_at:%d %b %Y}."
    overdue = Finding.objects.filter(
        version=version, source=FindingSource.CONDITION, status=FindingStatus.OPEN, due_on__lt=now.date()
    ).first()
    if overdue:
        return _overdue_condition(version, overdue)
    try:
        return _undecided_pass(version, now) or _ended_exception(version, now)
    except (BadInput, Refused) as refusal:  # a policy that cannot be read, or is not the one that was published
        return f"Whether the approval still holds cannot be decided. {refusal.sentence}"


def _overdue_condition(version: ModelVersion, finding: Finding) -> str:
    """What is not fulfilled, who asked for it, and what cures it.

    It stands also where the sign-off that asked for it does not count any more: what its signer found is still there.
    """
    words = f"A condition of the approval is overdue since {finding.due_on:%d %b %Y}: {finding.description}"
    row = SignOff.objects.filter(version=version, pk=finding.source_reference.removeprefix("sign-off ") or 0).first()
    if row is not None:
        words += f" {row.printed_name} set it as {Role(row.role).in_words} on {row.signed_at:%d %b %Y}"
        words += (
            "." if _counts(version, row) else "; that sign-off does not count any more, but what it asked for stands."
        )
    return f"{words} The model validator or a risk officer closes the finding with evidence; then it can be reinstated."


def _counts(version: ModelVersion, row: SignOff) -> bool:
    try:
        case = dossier.load_case(version)
        return row.pk in voiding.current_sign_offs(case) | timeline.standing_sign_offs(version, case)
    except (BadInput, Refused):  # of a policy that cannot be read, under which nothing counts
        return False


def _undecided_pass(version: ModelVersion, now: datetime) -> str:
    """Why a revalidation under way keeps the approval from holding; empty if it does not."""
    row = pass_under_way(version)
    if row is None:
        return ""
    rule = parse(version.policy.text).rules.revalidation
    if row.due_on < now.date() and (rule is None or rule.overdue == SUSPEND):
        return f"The revalidation was due on {row.due_on:%d %b %Y} and is not decided."
    if version.stage == Stage.SUSPENDED:
        return "A revalidation is under way; its decision comes first."
    return ""


def _ended_exception(version: ModelVersion, now: datetime) -> str:
    """Which exception, on which the approval rests, ended or was revoked while what it set aside is still not met."""
    ended = Waiver.objects.filter(pk__in=timeline.exceptions_at_approval(version)).filter(
        Q(expires_on__lt=now.date()) | Q(revoked_at__isnull=False)
    )
    if not ended:
        return ""
    document, case = pinned(version.policy), dossier.load_case(version, judging.of_approval(version))
    for row in ended:
        state = policy.gate(case, document, Stage(row.stage), now=now)
        pairs = zip(document.gates.get(Stage(row.stage), ()), state.outcomes, strict=False)
        if any(not outcome.met and row.requirement in ("", asked.identity()) for asked, outcome in pairs):
            how = "was revoked" if row.revoked_at else f"ended on {row.expires_on:%d %b %Y}"
            return f"The exception from “{row.title}” {how}, and what it set aside is still not met."
    return ""
