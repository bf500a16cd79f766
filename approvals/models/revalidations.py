"""A new pass of a deployed version through gates. Rows stay; what opened a pass never changes, its outcome once.

A policy that is pinned to a pass is a row of its own, which is never changed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from approvals.models.policies import Policy
from approvals.models.versions import ModelVersion
from approvals.stages import Stage


class RevalidationTrigger(models.TextChoices):
    """What opens a pass."""

    SCHEDULED = "scheduled", "On schedule"
    CRITICAL_ALARM = "critical_alarm", "Critical alarm of a monitor"
    OPEN_FINDINGS = "open_findings", "Several open findings"
    SUSPENDED = "suspended", "Suspension"
    POLICY_CHANGED = "policy_changed", "Material change of the policy"
    PERSON = "person", "Asked for by a person"


class RevalidationOutcome(models.TextChoices):
    """How a pass ended."""

    OPEN = "open", "Under way"
    RENEWED = "renewed", "Approval renewed"
    REFUSED = "refused", "Renewal refused"
    ENDED = "ended", "Ended with the version"


class Revalidation(models.Model):
    """One pass: why, through which gates, until when, and what was decided at its end."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="revalidations")
    trigger = models.CharField(max_length=20, choices=RevalidationTrigger.choices)
    reason = models.TextField(help_text="Why it was opened, in a sentence.")
    gates = models.JSONField(help_text="The stages whose gates were to be passed again when it was opened.")
    due_on = models.DateField(help_text="The last day for the decision.")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    opened_at = models.DateTimeField()
    outcome = models.CharField(
        max_length=10, choices=RevalidationOutcome.choices, default=RevalidationOutcome.OPEN, db_index=True
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_because = models.TextField(blank=True)
    valid_until = models.DateTimeField(null=True, blank=True, help_text="New end of the approval, if renewed.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(outcome="open"), name="a_version_has_one_pass_under_way"
            ),
            models.CheckConstraint(
                condition=Q(outcome="open", decided_at__isnull=True)
                | (~Q(outcome="open") & Q(decided_at__isnull=False)),
                name="a_pass_is_under_way_or_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"Revalidation {self.pk} of {self.version}"

    @property
    def is_open(self) -> bool:
        """Whether it waits for its decision."""
        return self.outcome == RevalidationOutcome.OPEN

    @property
    def pin(self) -> PassPolicy | None:
        """The policy pinned last to it; None while it is judged by that of the approval."""
        return max(self.pins.all(), key=lambda row: row.pk, default=None)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages whose gates are passed again, in the order of the path."""
        return tuple(Stage(name) for name in (self.pin or self).gates)

    def facts(self) -> dict[str, Any]:
        """What the ledger says about its opening."""
        return {
            "revalidation": self.pk,
            "trigger": self.trigger,
            "gates": list(self.gates),
            "due_on": self.due_on.isoformat(),
        }


class PassPolicy(models.Model):
    """A policy by which a pass is judged from then on. The approval rests on `before` until the pass renews it."""

    revalidation = models.ForeignKey(Revalidation, on_delete=models.PROTECT, related_name="pins")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey(
        Policy, on_delete=models.PROTECT, related_name="+", help_text="The policy of the approval."
    )
    gates = models.JSONField(help_text="The stages whose gates are passed again under it, in the order of the path.")
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        default_permissions = ()
        verbose_name = "policy of a revalidation"

    def __str__(self) -> str:
        return f"{self.policy} for revalidation {self.revalidation_id}"


def pass_under_way(version: ModelVersion) -> Revalidation | None:
    """The open pass of a version; None if there is none."""
    return Revalidation.objects.filter(version=version, outcome=RevalidationOutcome.OPEN).first()
