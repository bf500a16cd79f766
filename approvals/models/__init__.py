"""Tables of the approvals app. Each table is written by one use-case module only."""

from approvals.models.checks import CheckRun, LeasedRun
from approvals.models.decommissions import DecommissionAnswer
from approvals.models.delegations import Delegation
from approvals.models.evidence import Answer, Evidence, EvidenceKind, StoredFile
from approvals.models.findings import Comment, Finding, MitigationPlan
from approvals.models.policies import Policy
from approvals.models.restrictions import Restriction
from approvals.models.revalidations import PassPolicy, Revalidation, RevalidationOutcome, RevalidationTrigger
from approvals.models.signoffs import DossierSnapshot, SignOff
from approvals.models.tiers import TierAssessment, TierOverride
from approvals.models.time_notices import TimeNotice, TimeNoticeKind
from approvals.models.versions import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelGroupObjectPermission,
    RegisteredModelUserObjectPermission,
)
from approvals.models.waivers import Waiver, WaiverKind, WaiverSignature

__all__ = [
    "Answer",
    "CheckRun",
    "Comment",
    "DecommissionAnswer",
    "Delegation",
    "DossierSnapshot",
    "Evidence",
    "EvidenceKind",
    "Finding",
    "LeasedRun",
    "MitigationPlan",
    "ModelVersion",
    "PassPolicy",
    "Policy",
    "RegisteredModel",
    "RegisteredModelGroupObjectPermission",
    "RegisteredModelUserObjectPermission",
    "Restriction",
    "Revalidation",
    "RevalidationOutcome",
    "RevalidationTrigger",
    "SignOff",
    "StoredFile",
    "TierAssessment",
    "TierOverride",
    "TimeNotice",
    "TimeNoticeKind",
    "Waiver",
    "WaiverKind",
    "WaiverSignature",
]
