"""What pages say about exceptions from a policy, as finished lines."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from approvals import dossier, exceptions, judging
from approvals.admin.version_lines import BAD, OK, UNKNOWN, WAIT
from approvals.models import ModelVersion, Waiver


@dataclass(frozen=True)
class ExceptionLine:
    """One exception of a version."""

    title: str
    url: str
    reason: str
    state: str
    tone: str
    stage: str
    expires: str


def exception_lines(version: ModelVersion) -> tuple[ExceptionLine, ...]:
    """Every exception of a version, newest first."""
    rows = Waiver.objects.filter(version=version).select_related("version__policy", "version__model").order_by("-pk")
    lines = []
    for row in rows:
        state, tone = standing_of(row)
        lines.append(
            ExceptionLine(
                title=str(row),
                url=f"/approvals/waiver/{row.pk}/change/",
                reason=row.reason,
                state=state,
                tone=tone,
                stage=row.get_stage_display(),
                expires=f"{row.expires_on:%d %b %Y}",
            )
        )
    return tuple(lines)


def standing_of(row: Waiver) -> tuple[str, str]:
    """Whether an exception holds, in words and colour."""
    if row.revoked_at is not None:
        return "Revoked", UNKNOWN
    if row.expires_on < timezone.now().date():
        return "Ended", UNKNOWN
    document, case = judging.document_of(row.version), dossier.load_case(row.version)
    fact = next(one for one in case.waivers if one.id == row.pk)
    if exceptions.granted(fact, case, document):
        return f"Holds until {row.expires_on:%d %b %Y}", BAD if row.is_emergency else OK
    if barred := exceptions.why_not_allowed(row, document):
        return f"Does not count: {barred}", UNKNOWN
    if not exceptions.still_about(row, case, document):
        return "No longer fits: what it is about has changed", UNKNOWN
    rule = exceptions.rule_for(row.kind, document)
    return f"{len(fact.signatures)} of {rule.people if rule else 2} signatures", WAIT
