"""Versions on the shortest legal way to an issued card, through the public use cases."""

from approvals.stages import Role
from modelcards import issuing
from modelcards.models import ModelCard

GATES = {
    "scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "business_analyst"}}],
    "deployment_approval": [{"signoffs": {"role": "it_operations"}}],
}


def in_scoping(cast):
    """A version with an artifact."""
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    return version


def approved(cast):
    """A version in monitoring, whose card is ordered and not made."""
    version = in_scoping(cast)
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    return cast.advance(version)


def ordered(cast):
    """The order that the approval made."""
    return ModelCard.objects.get(version=approved(cast), kind="issued")


def issued(cast):
    """A finished card."""
    row = ordered(cast)
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    return ModelCard.objects.select_related("pdf", "version").get(pk=row.pk)
