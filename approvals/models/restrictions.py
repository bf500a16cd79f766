"""Conditions of use that an alarm puts on an approval. Rows stay; at most one thing changes: that one was lifted."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from approvals.models.versions import ModelVersion


class Restriction(models.Model):
    """How a deployed version may be used until somebody lifts it, in the words of its policy, and why."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="restrictions")
    text = models.CharField(max_length=500, help_text="The condition of use, as the policy words it.")
    reason = models.TextField(help_text="What brought it about.")
    source_reference = models.CharField(max_length=120, help_text="For example a monitor.")
    imposed_at = models.DateTimeField()
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_because = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "source_reference"],
                condition=Q(lifted_at__isnull=True),
                name="one_cause_restricts_a_version_once",
            ),
        ]

    def __str__(self) -> str:
        return self.text
