"""Files by content, evidence rows that point at them, and answers to questionnaires."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.versions import ModelVersion


class EvidenceKind(models.TextChoices):
    """What a piece of evidence is. One current piece per kind and version."""

    ARTIFACT = "artifact", "Model artifact"
    EVALUATION_TABLE = "evaluation_table", "Evaluation table with frozen scores"
    TRAINING_TABLE = "training_table", "Training table"
    TRAINING_RECORD = "training_record", "Training record"
    DATA_LINEAGE = "data_lineage", "Data lineage"
    BILL_OF_MATERIALS = "bill_of_materials", "Bill of materials"
    RISK_REGISTER = "risk_register", "Risk register"
    VALIDATION_REPORT = "validation_report", "Independent validation report"
    MONITORING_PLAN = "monitoring_plan", "Monitoring plan"
    ROLLBACK_PLAN = "rollback_plan", "Rollback plan"
    DEPLOYMENT_TARGET = "deployment_target", "Deployment target"
    CARD_DRAFT = "card_draft", "Draft model card"
    MONITORING_RECORD = "monitoring_record", "Record of monitoring"


MADE_BY_THE_PORTAL = (EvidenceKind.CARD_DRAFT, EvidenceKind.MONITORING_RECORD)
"""Nobody uploads these."""


class StoredFile(models.Model):
    """Bytes stored once under their SHA-256, outside the media tree, never changed."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sha256

    @property
    def path(self) -> Path:
        """Where the bytes lie."""
        return Path(settings.VAR) / "uploads" / self.sha256[:2] / self.sha256


class Evidence(models.Model):
    """One document or data file of one version. Rows are never changed: a newer row of the kind replaces."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=30, choices=EvidenceKind.choices)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200, help_text="File name as uploaded.")
    media_type = models.CharField(max_length=100)
    details = models.JSONField(
        default=dict, blank=True, help_text="What the submitter declares about the file, for example its columns."
    )
    artifact_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Artifact that this piece was made with; empty if it depends on none."
    )
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"


class Answer(models.Model):
    """An answer to one question of the pinned policy. Rows are never changed: the newest one is the current answer."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="answers")
    section = models.CharField(max_length=60)
    question = models.CharField(max_length=60)
    text = models.TextField()
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["version", "section", "question"], name="answers_of_a_question"),
        ]

    def __str__(self) -> str:
        return f"{self.section}: {self.question}"
