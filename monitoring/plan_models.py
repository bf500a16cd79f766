"""Tables of the plan: which monitors watch a version, since when, and which of them a renewal ended."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from approvals.models import Evidence, ModelVersion, Policy, Revalidation
from approvals.models.findings import Severity
from approvals.stages import Stage
from monitoring.alarms import Level


class MonitorsInForce(models.Manager["Monitor"]):
    """Monitors of the plan that watches now: those that no renewal ended."""

    def get_queryset(self) -> models.QuerySet[Monitor]:
        """All that have no end."""
        return super().get_queryset().filter(end__isnull=True).select_related("end")


class Monitor(models.Model):
    """One monitor of one deployed version, as the policy asked for it that was pinned to the version when it began.

    It begins when the version enters monitoring, or with a renewal under a policy that has another plan.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="monitors")
    key = models.CharField(max_length=60)
    parameters = models.JSONField(default=dict, blank=True)
    thresholds = models.JSONField(default=dict, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, help_text="Of the finding that it opens.")
    every_days = models.PositiveSmallIntegerField(help_text="A batch is expected at least this often.")
    suspends = models.BooleanField(default=False, help_text="An alarm suspends the approval.")
    suspends_from = models.PositiveSmallIntegerField(
        choices=[(level.value, level.in_words) for level in (Level.ALERT, Level.CRITICAL)],
        default=Level.ALERT,
        help_text="The level from which it does.",
    )
    restricts = models.BooleanField(default=False, help_text="An alarm restricts the use.")
    restricts_from = models.PositiveSmallIntegerField(
        choices=[(level.value, level.in_words) for level in (Level.ALERT, Level.CRITICAL)],
        default=Level.ALERT,
        help_text="The level from which it does.",
    )
    restriction = models.CharField(max_length=500, blank=True, help_text="The condition of use that it brings.")
    warn = models.JSONField(default=dict, blank=True, help_text="Limits beyond which a reading is a warning.")
    critical = models.JSONField(default=dict, blank=True, help_text="Limits beyond which a reading is critical.")
    after = models.PositiveSmallIntegerField(default=1, help_text="Readings in a row that raise an alarm.")
    clears_after = models.PositiveSmallIntegerField(default=1, help_text="Calm readings in a row that end it.")
    unanswered_after = models.PositiveSmallIntegerField(
        default=3, help_text="Windows in a row without an answer that are an alert of their own."
    )
    outcomes_within_days = models.PositiveSmallIntegerField(
        default=90, help_text="Outcomes of a window are expected within so many days of its last one."
    )
    reference = models.ForeignKey(
        Evidence,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="What was approved first.",
    )
    plan = models.PositiveSmallIntegerField(
        default=0, help_text="0: it came with the approval; then counted by the renewals that brought other monitors."
    )
    began_with = models.ForeignKey(
        Revalidation,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="The renewal that brought it; empty: the approval.",
    )
    created_at = models.DateTimeField()

    objects = models.Manager["Monitor"]()
    in_force = MonitorsInForce()

    class Meta:
        ordering: ClassVar[list[str]] = ["version", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "plan", "key"], name="a_plan_has_each_monitor_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key.replace('_', ' ').capitalize()} of {self.version}"

    def watches(self, version: ModelVersion) -> bool:
        """Whether it is in force and its version, which is locked, is monitored now."""
        return version.stage == Stage.MONITORING and Monitor.in_force.filter(pk=self.pk).exists()

    @property
    def finding_reference(self) -> str:
        """How findings name this monitor as their source."""
        return f"monitor:{self.pk}"


class MonitorEnd(models.Model):
    """That a monitor watches no more: a renewal pinned its version to a policy with another plan. Never changed."""

    monitor = models.OneToOneField(Monitor, on_delete=models.PROTECT, related_name="end")
    revalidation = models.ForeignKey(Revalidation, on_delete=models.PROTECT, related_name="+")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+", help_text="Under which it watched.")
    level = models.PositiveSmallIntegerField(
        choices=[(level.value, level.in_words) for level in Level], help_text="Of its alarm at the end."
    )
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.monitor} until {self.at:%d %b %Y}"

    @property
    def in_words(self) -> str:
        """Until when it watched, under which policy, and in which alarm it ended."""
        alarm = f", in alarm ({Level(self.level).in_words}) and answered" if self.level else ""
        return f"watched until {self.at:%d %b %Y} under {self.policy}{alarm}"
