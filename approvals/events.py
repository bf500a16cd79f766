"""Names of the acts that this app writes into the ledger. Unknown names are refused there."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """Dotted names: app, noun, past participle."""

    MODEL_REGISTERED = "approvals.model.registered"
    ROLE_GRANTED = "approvals.role.granted"
    ROLE_REVOKED = "approvals.role.revoked"
    VERSION_REGISTERED = "approvals.version.registered"
    VERSION_ADVANCED = "approvals.version.advanced"
    VERSION_RETURNED = "approvals.version.returned"
    VERSION_REJECTED = "approvals.version.rejected"
    VERSION_WITHDRAWN = "approvals.version.withdrawn"
    VERSION_SUSPENDED = "approvals.version.suspended"
    VERSION_REINSTATED = "approvals.version.reinstated"
    VERSION_RETIRED = "approvals.version.retired"
    VERSION_REPINNED = "approvals.version.repinned"
    VERSION_VIEWED = "approvals.version.viewed"
    MOVE_REFUSED = "approvals.version.move_refused"
    EVIDENCE_ATTACHED = "approvals.evidence.attached"
    EVIDENCE_VIEWED = "approvals.evidence.viewed"
    ANSWER_RECORDED = "approvals.answer.recorded"
    CHECK_REQUESTED = "approvals.check.requested"
    CHECK_FINISHED = "approvals.check.finished"
    CHECK_STOPPED = "approvals.check.stopped"
    CHECK_RESULT_REFUSED = "approvals.check.result_refused"
    SIGNED = "approvals.signoff.signed"
    SIGN_OFF_REFUSED = "approvals.signoff.refused"
    SIGN_OFFS_VOIDED = "approvals.signoff.voided"
    SIGN_OFFS_RESTORED = "approvals.signoff.restored"
    FINDING_OPENED = "approvals.finding.opened"
    FINDING_ACCEPTED = "approvals.finding.accepted"
    FINDING_CLOSED = "approvals.finding.closed"
    MITIGATION_RECORDED = "approvals.mitigation.recorded"
    TIER_ASSESSED = "approvals.tier.assessed"
    TIER_OVERRIDE_ASKED = "approvals.tier.override_asked"
    TIER_OVERRIDDEN = "approvals.tier.overridden"
    TIME_REMINDED = "approvals.time.reminded"
    TIME_ESCALATED = "approvals.time.escalated"
    DELEGATED = "approvals.delegation.made"
    DELEGATION_REVOKED = "approvals.delegation.revoked"
    WAIVER_ASKED = "approvals.waiver.asked"
    WAIVER_SIGNED = "approvals.waiver.signed"
    WAIVER_REVOKED = "approvals.waiver.revoked"
    ACT_FAILED = "approvals.act.failed"
    REVALIDATION_OPENED = "approvals.revalidation.opened"
    REVALIDATION_REPINNED = "approvals.revalidation.repinned"
    REVALIDATION_REMINDED = "approvals.revalidation.reminded"
    REVALIDATION_OVERDUE = "approvals.revalidation.overdue"
    REVALIDATION_RENEWED = "approvals.revalidation.renewed"
    REVALIDATION_REFUSED = "approvals.revalidation.refused"
    REVALIDATION_ENDED = "approvals.revalidation.ended"
    RESTRICTED = "approvals.restriction.imposed"
    RESTRICTION_LIFTED = "approvals.restriction.lifted"
    DECOMMISSION_ANSWERED = "approvals.decommission.answered"
    POLICY_DRAFTED = "approvals.policy.drafted"
    POLICY_PUBLISHED = "approvals.policy.published"
    POLICY_RETIRED = "approvals.policy.retired"
    COMMENT_ADDED = "approvals.comment.added"
    ACT_REFUSED = "approvals.act.refused"


FINAL_DECISIONS = (
    Event.VERSION_REJECTED,
    Event.VERSION_WITHDRAWN,
    Event.VERSION_SUSPENDED,
    Event.VERSION_REINSTATED,
    Event.VERSION_RETIRED,
    Event.REVALIDATION_RENEWED,
    Event.REVALIDATION_REFUSED,
)
"""Decisions after which the ledger is signed; an approval brings its card, whose checkpoint covers it."""
