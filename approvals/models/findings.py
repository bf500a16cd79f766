"""Findings, mitigation plans and the discussion of a version."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.checks import CheckRun
from approvals.models.versions import ModelVersion


class Severity(models.IntegerChoices):
    """How much a finding weighs; gates name the level from which they close."""

    LOW = 1, "Low"
    MEDIUM = 2, "Medium"
    HIGH = 3, "High"
    CRITICAL = 4, "Critical"


class FindingSource(models.TextChoices):
    """Who found it."""

    CHECK = "check", "Automated check"
    PERSON = "person", "Person"
    MONITOR = "monitor", "Monitor"
    CONDITION = "condition", "Condition of an approval"
    REVIEW = "review", "Revalidation"


class FindingStatus(models.TextChoices):
    """Where a finding stands."""

    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted until a date"
    CLOSED = "closed", "Closed"


class Finding(models.Model):
    """Something that is wrong, with an owner and a due date."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="findings")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    source = models.CharField(max_length=10, choices=FindingSource.choices)
    source_reference = models.CharField(max_length=120, blank=True, help_text="For example a reading or a sign-off.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="findings")
    due_on = models.DateField()
    status = models.CharField(max_length=10, choices=FindingStatus.choices, default=FindingStatus.OPEN)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    opened_at = models.DateTimeField()
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    accepted_until = models.DateField(null=True, blank=True)
    resolution = models.TextField(blank=True, help_text="Reason of the acceptance, or evidence of the closure.")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-severity", "due_on", "pk"]

    def __str__(self) -> str:
        return self.title


class MitigationPlan(models.Model):
    """What is done about one failed fairness measure, by whom, until when; the re-test is a later run of the check."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="mitigations")
    failed_run = models.ForeignKey(CheckRun, on_delete=models.PROTECT, related_name="mitigations")
    measure = models.CharField(max_length=160, help_text="Name of the failed measure, for example with its groups.")
    before = models.JSONField(help_text="The failed measure with its numbers.")
    plan = models.TextField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mitigations")
    due_on = models.DateField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return f"Mitigation of {self.measure}"


class Comment(models.Model):
    """One contribution to the discussion of a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]
