"""How a model came into its risk tier: answers with the formula, and overrides that a second person signed."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.versions import RegisteredModel
from approvals.stages import Tier


class TierAssessment(models.Model):
    """Answers, and the tier that followed by the formula of that day."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="tier_assessments")
    formula = models.CharField(max_length=20, help_text="Version of the formula.")
    formula_digest = models.CharField(max_length=64)
    answers = models.JSONField()
    exposure = models.PositiveSmallIntegerField()
    purpose = models.PositiveSmallIntegerField()
    tier = models.CharField(max_length=10, choices=Tier.choices)
    reasons = models.JSONField(help_text="How the tier followed, one sentence each.")
    assessed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    assessed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_tier_display()} by formula {self.formula}"


class TierOverride(models.Model):
    """Another tier than the formula gives, with a reason; it holds once a second person has signed it."""

    assessment = models.ForeignKey(TierAssessment, on_delete=models.PROTECT, related_name="overrides")
    tier = models.CharField(max_length=10, choices=Tier.choices)
    reason = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    authentication = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_tier_display()} instead of {self.assessment.get_tier_display().lower()}"
