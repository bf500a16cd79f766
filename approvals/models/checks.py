"""Runs of automated checks. The row is the queue, the lease and the result; the broker message is only a hint."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.versions import ModelVersion


class RunStatus(models.TextChoices):
    """Where a run stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    CRASHED = "crashed", "Crashed"


class Verdict(models.TextChoices):
    """What a finished run says. Only passed (and warning where the policy says so) opens a gate."""

    PASSED = "passed", "Passed"
    WARNING = "warning", "Warning"
    FAILED = "failed", "Failed"
    NOT_COMPUTABLE = "not_computable", "Not computable"
    ERROR = "error", "Error"


class LeasedRun(models.Model):
    """Work that survives a killed worker: claimed by a lease with a fencing token, done at most once."""

    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    hinted_at = models.DateTimeField(null=True, blank=True)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent.")
    progress_text = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class CheckRun(LeasedRun):
    """One run of one check on pinned inputs, with the thresholds that were fixed before it."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="check_runs")
    check_key = models.CharField(max_length=60, db_index=True)
    check_version = models.CharField(max_length=20)
    inputs = models.JSONField(help_text="Digests of everything the run looks at, with parameters and thresholds.")
    inputs_digest = models.CharField(max_length=64, help_text="SHA-256 of the canonical inputs.")
    thresholds_fixed = models.JSONField(help_text="Policy, digest, who fixed the thresholds and when.")
    seed = models.BigIntegerField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    sentences = models.JSONField(default=list, blank=True, help_text="Why this verdict, one sentence each.")
    reading = models.JSONField(default=dict, blank=True, help_text="Numbers, tables and chart specifications.")
    reading_digest = models.CharField(max_length=64, blank=True)
    charts = models.JSONField(default=list, blank=True, help_text="Rendered charts: title, description, SVG.")
    engine = models.JSONField(default=dict, blank=True, help_text="Engine and library versions of the run.")
    log = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.check_key} run {self.pk}"
