"""Where outcomes come from by themselves: relations of keys and outcomes that were declared."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from approvals.models import ModelVersion
from monitoring import pauses
from monitoring.source_models import Schedule
from portal.ledger import printed_name


class OutcomeSource(models.Model):
    """A relation of a named connection that has keys and outcomes of a version; what is new in it is taken each time.

    What was taken is a delivery like any other. `sentence` says why nothing could be taken, `said` what was last time.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="outcome_sources")
    connection = models.CharField(max_length=60)
    relation = models.CharField(max_length=200)
    schedule = models.CharField(max_length=10, choices=Schedule.choices)
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    denials = models.PositiveSmallIntegerField(default=0, help_text="How often in a row the account was refused.")
    taken_on = models.DateField(null=True, blank=True, help_text="When it was last looked into as a whole.")
    said = models.TextField(blank=True, help_text="What was found then.")
    sentence = models.TextField(blank=True, help_text="Why nothing could be taken.")
    correction = models.TextField(blank=True, help_text="Why other outcomes than before are taken, next time only.")
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "connection", "relation"],
                condition=Q(ended_at__isnull=True),
                name="a_relation_is_one_source_of_outcomes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.relation} of {self.connection}"

    @property
    def tried_again_at(self) -> datetime | None:
        """From when on it is tried again by itself; None where nothing is wrong."""
        return self.tried_at + pauses.after(self.denials) if self.tried_at and self.sentence else None


def told(version: ModelVersion, *, since: datetime, now: datetime) -> list[dict[str, Any]]:
    """The sources of outcomes that were declared and had not ended before, for a record: what they are, how it went."""
    rows = OutcomeSource.objects.filter(
        Q(ended_at=None) | Q(ended_at__gte=since), version=version, declared_at__lte=now
    )
    return [
        {
            "relation": row.relation,
            "connection": row.connection,
            "schedule": row.schedule,
            "by": printed_name(row.declared_by),
            "declared_at": row.declared_at.isoformat(),
            "ended_at": row.ended_at.isoformat() if row.ended_at else None,
            "taken_on": row.taken_on.isoformat() if row.taken_on else None,
            "said": row.said,
            "not_taken": row.sentence,
        }
        for row in rows.select_related("declared_by").order_by("pk")
    ]
