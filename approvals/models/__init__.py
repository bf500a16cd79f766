"""Tables of the approvals app. Each table is written by one use-case module only."""

from approvals.models.checks import CheckRun, LeasedRun
from approvals.models.evidence import Answer, Evidence, EvidenceKind, StoredFile
from approvals.models.findings import Comment, Finding, MitigationPlan
from approvals.models.policies import Policy
from approvals.models.signoffs import DossierSnapshot, SignOff
from approvals.models.versions import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelGroupObjectPermission,
    RegisteredModelUserObjectPermission,
)

__all__ = [
    "Answer",
    "CheckRun",
    "Comment",
    "DossierSnapshot",
    "Evidence",
    "EvidenceKind",
    "Finding",
    "LeasedRun",
    "MitigationPlan",
    "ModelVersion",
    "Policy",
    "RegisteredModel",
    "RegisteredModelGroupObjectPermission",
    "RegisteredModelUserObjectPermission",
    "SignOff",
    "StoredFile",
]
