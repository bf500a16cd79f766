"""What may still change about a version: all of it in review, in a revalidation what its gates ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

from approvals import judging
from approvals.models import Answer, Evidence, EvidenceKind, ModelVersion
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.models.revalidations import pass_under_way
from approvals.requirements.answers import AnswersRequirement
from approvals.requirements.base import Requirement
from approvals.requirements.checks import ChecksRequirement
from approvals.requirements.evidence import EvidenceRequirement
from approvals.stages import REVIEW_STAGES
from portal.errors import Refused

NEVER_AGAIN = (EvidenceKind.ARTIFACT, *MADE_BY_THE_PORTAL)
"""Another artifact is another version."""


def may_attach(version: ModelVersion, kind: str) -> bool:
    """Whether evidence of this kind may be attached now."""
    if version.stage in REVIEW_STAGES:
        return True
    asked = any(isinstance(one, EvidenceRequirement) and one.kind == kind for one in _asked_again(version))
    return asked and kind not in NEVER_AGAIN


def may_answer(version: ModelVersion, section: str) -> bool:
    """Whether this questionnaire may be answered now."""
    if version.stage in REVIEW_STAGES:
        return True
    return any(isinstance(one, AnswersRequirement) and one.section == section for one in _asked_again(version))


def may_check(version: ModelVersion, key: str) -> bool:
    """Whether this check may run now."""
    if version.stage in REVIEW_STAGES:
        return True
    return any(isinstance(one, ChecksRequirement) and one.check == key for one in _asked_again(version))


def has_changed(version: ModelVersion) -> bool:
    """Whether a pass under way brought evidence or answers that the approval does not rest on."""
    again = pass_under_way(version)
    if again is None:
        return False
    pieces = Evidence.objects.filter(version=version, uploaded_at__gt=again.opened_at).exclude(
        kind__in=MADE_BY_THE_PORTAL
    )
    return pieces.exists() or Answer.objects.filter(version=version, answered_at__gt=again.opened_at).exists()


def require(version: ModelVersion, *, allowed: bool) -> None:
    """Raise Refused with the reason why something no longer changes, unless it is allowed."""
    if allowed:
        return
    again = pass_under_way(version)
    if again is not None:
        names = ", ".join(stage.label.lower() for stage in again.stages)
        raise Refused(f"The revalidation goes through {names}, and no gate of these asks for it: it stays as it was.")
    raise Refused(
        f"Locked since {version.stage_entered_at:%d %b %Y}: the version is {version.get_stage_display().lower()}."
    )


def _asked_again(version: ModelVersion) -> Iterator[Requirement]:
    again = pass_under_way(version)
    if again is not None:
        gates = judging.document_of(version).gates
        yield from (one for stage in again.stages for one in gates.get(stage, ()))
