"""That people were told about a time limit, once for each stay in a stage."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from approvals.models.versions import ModelVersion
from approvals.stages import Stage


class TimeNoticeKind(models.TextChoices):
    """What was said."""

    REMINDER = "reminder", "Reminder"
    ESCALATION = "escalation", "Escalation"


class TimeNotice(models.Model):
    """One reminder or escalation. The row keeps two schedulers from telling people twice."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="time_notices")
    stage = models.CharField(max_length=30, choices=Stage.choices)
    entered_at = models.DateTimeField(help_text="Which stay in the stage it is about.")
    kind = models.CharField(max_length=12, choices=TimeNoticeKind.choices)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "stage", "entered_at", "kind"], name="people_are_told_once_per_stay"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.version}, {self.get_stage_display().lower()}"
