"""What is watched, on which data, and what came out. Monitors and batches are never changed once they are there."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from approvals.models import Evidence, ModelVersion, Policy, Revalidation, StoredFile
from approvals.models.checks import LeasedRun
from monitoring.alarms import Level
from monitoring.outcome_source_models import OutcomeSource
from monitoring.plan_models import Monitor, MonitorEnd
from monitoring.source_models import BatchSource, FileState, Schedule, SourceWindow, WatchedFile
from portal.models import AccessToken

__all__ = [
    "AlarmNote",
    "AlarmNoteKind",
    "Batch",
    "BatchSource",
    "FileState",
    "MatchVerdict",
    "Matching",
    "Monitor",
    "MonitorEnd",
    "OutcomeDelivery",
    "OutcomeSource",
    "Picture",
    "Reading",
    "ReadingVerdict",
    "ReferenceChange",
    "Schedule",
    "SourceWindow",
    "Trouble",
    "WatchedFile",
]


class ReadingVerdict(models.TextChoices):
    """What a finished reading says. Only ok says that nothing is wrong; no labels says that nothing is known yet.

    A warning is beyond the policy's limit for warnings and within that for alerts.
    """

    OK = "ok", "Within limits"
    WARNING = "warning", "Warning"
    BREACH = "breach", "Breach"
    NOT_COMPUTABLE = "not_computable", "Not computable"
    NO_LABELS = "no_labels", "Waiting for labels"
    ERROR = "error", "Error"


class Trouble(models.TextChoices):
    """Why a reading gave no answer, where that says nothing about the batch. What happens then: rereading.py."""

    UNREACHABLE = "unreachable", "A connection did not answer"
    DENIED = "denied", "A connection refused the account"
    FAILED = "failed", "An error"


class Batch(models.Model):
    """Data that the deployed version met in a window of time. The same bytes are one batch."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="batches")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text="Where the rows come from, in the words of the sender.")
    window_start = models.DateField(help_text="First day that the rows are from.")
    window_end = models.DateField(help_text="Last day that the rows are from.")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token = models.ForeignKey(
        AccessToken,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="By which a program delivered it.",
    )
    received_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name_plural = "batches"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "file"], name="the_same_bytes_are_one_batch_of_a_version"),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="a_window_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ReferenceChange(models.Model):
    """The evaluation table that a renewal approved and monitors compare with from then on. Never changed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="reference_changes")
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+")
    revalidation = models.OneToOneField(Revalidation, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["version", "pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.evidence.name} since {self.since:%d %b %Y}"


class Reading(LeasedRun):
    """One monitor read once: on one batch, or, for a monitor that waits for data, on the clock."""

    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="readings")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="readings", null=True, blank=True)
    reference = models.ForeignKey(
        Evidence,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="What the batch is compared with: the table that was approved when the reading was ordered.",
    )
    policy = models.ForeignKey(
        Policy,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="That the version was pinned to when the reading was ordered; empty in readings of earlier releases.",
    )
    outcomes = models.JSONField(
        default=list, blank=True, help_text="Deliveries of outcomes that the batch is read with: id, name, digest."
    )
    outcomes_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of these digests in order; empty: the batch as it came."
    )
    overdue_since = models.DateTimeField(
        null=True, blank=True, help_text="For a reading of the clock: from when on a batch was overdue."
    )
    retry = models.PositiveSmallIntegerField(
        default=0, help_text="Which time the same state of the outcomes is read again, as there was no answer."
    )
    trouble = models.CharField(
        max_length=20, choices=Trouble.choices, blank=True, help_text="Why it gave no answer, where that may pass."
    )
    verdict = models.CharField(max_length=20, choices=ReadingVerdict.choices, blank=True)
    level = models.PositiveSmallIntegerField(
        choices=[(level.value, level.in_words) for level in Level],
        null=True,
        blank=True,
        help_text="How far beyond the limits; empty: the reading says nothing.",
    )
    rows = models.BigIntegerField(
        null=True, blank=True, help_text="On which the judged measures rest; empty where rows are no sample."
    )
    numbers = models.JSONField(default=dict, blank=True, help_text="Measures, tables and the value that decides most.")
    numbers_digest = models.CharField(max_length=64, blank=True)
    sentences = models.JSONField(default=list, blank=True, help_text="Why this verdict, one sentence each.")
    charts = models.JSONField(default=list, blank=True, help_text="Rendered charts: title, description, SVG.")
    engine = models.JSONField(default=dict, blank=True, help_text="Engine and library versions of the reading.")
    log = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["finished_at"], condition=~Q(trouble=""), name="readings_to_try_again")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["monitor", "batch", "outcomes_digest", "retry"],
                name="a_monitor_reads_a_batch_once_per_state_of_outcomes",
            ),
            models.UniqueConstraint(fields=["monitor", "overdue_since"], name="a_missed_window_is_read_once"),
            models.CheckConstraint(
                condition=Q(batch__isnull=False, overdue_since__isnull=True)
                | Q(batch__isnull=True, overdue_since__isnull=False),
                name="a_reading_is_of_a_batch_or_of_the_clock",
            ),
        ]

    def __str__(self) -> str:
        return f"Reading {self.pk}"

    @property
    def compared_with(self) -> Evidence | None:
        """The approved table that it is read against; readings of earlier releases name that of their monitor."""
        return self.reference or self.monitor.reference

    def get_absolute_url(self) -> str:
        """The page of the reading."""
        return f"/monitoring/reading/{self.pk}/change/"


class Picture(models.Model):
    """A chart of a version's monitoring page, as a worker drew it. No record: readings are, and it is drawn from them.

    Drawn anew when what it shows has another digest than what is to be shown.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="pictures")
    subject = models.CharField(max_length=80, help_text="Which chart of the page.")
    title = models.TextField()
    description = models.TextField(blank=True)
    svg = models.TextField(blank=True, help_text="Cleaned; empty where it could not be drawn.")
    problem = models.TextField(blank=True, help_text="Why it could not be drawn.")
    shows = models.JSONField(help_text="The numbers that it shows.")
    digest = models.CharField(max_length=64, help_text="Of these numbers and of how they are drawn.")
    checked_at = models.DateTimeField(help_text="When it was last found to show what the readings say.")

    class Meta:
        ordering: ClassVar[list[str]] = ["version", "subject"]
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "subject"], name="a_version_has_one_picture_of_a_subject"),
        ]

    def __str__(self) -> str:
        return self.title


class OutcomeDelivery(models.Model):
    """Outcomes that came after the rows they belong to, joined by the key that was declared at approval.

    The same bytes are one delivery, once as outcomes and once as a correction of outcomes.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="outcome_deliveries")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text="Where the outcomes come from, in the words of the sender.")
    corrects = models.BooleanField(default=False, help_text="Its outcomes replace those that were delivered before.")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token = models.ForeignKey(
        AccessToken,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="By which a program delivered it.",
    )
    received_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name_plural = "outcome deliveries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "file", "corrects"], name="the_same_outcomes_are_one_delivery"),
            models.CheckConstraint(condition=Q(corrects=False) | ~Q(description=""), name="a_correction_says_why"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The page of the delivery."""
        return f"/monitoring/outcomedelivery/{self.pk}/change/"


class MatchVerdict(models.TextChoices):
    """What became of a delivery. Only what is in use reaches a reading, and then all of it."""

    IN_USE = "in_use", "In use"
    NOT_COMPUTABLE = "not_computable", "Not usable"
    ERROR = "error", "Error"


class Matching(LeasedRun):
    """One delivery of outcomes set beside the batches of its version and the deliveries before it."""

    delivery = models.OneToOneField(OutcomeDelivery, on_delete=models.PROTECT, related_name="matching")
    retry = models.PositiveSmallIntegerField(
        default=0, help_text="How often the schedule tried again after an error, since a person asked for it."
    )
    verdict = models.CharField(max_length=20, choices=MatchVerdict.choices, blank=True)
    sentences = models.JSONField(default=list, blank=True, help_text="What was found, one sentence each.")
    numbers = models.JSONField(default=dict, blank=True, help_text="Rows, keys, and what was matched in each batch.")
    log = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"Matching of {self.delivery}"


class AlarmNoteKind(models.TextChoices):
    """What somebody said about an alarm."""

    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    MUTED = "muted", "Muted"
    INCIDENT = "incident", "Linked to an incident"


class AlarmNote(models.Model):
    """What a person did about the alarm of a monitor, and why. Never changed; a newer note of the kind replaces."""

    monitor = models.ForeignKey(Monitor, on_delete=models.PROTECT, related_name="notes")
    kind = models.CharField(max_length=20, choices=AlarmNoteKind.choices)
    reason = models.TextField()
    level = models.PositiveSmallIntegerField(
        choices=[(level.value, level.in_words) for level in Level],
        null=True,
        blank=True,
        help_text="How bad the alarm was then: the note says nothing about a graver one.",
    )
    alarm_through = models.DateField(
        null=True, blank=True, help_text="Last day of the windows that made the alarm then: it is about no later one."
    )
    until = models.DateField(null=True, blank=True, help_text="Last day that the monitor is muted.")
    incident = models.CharField(max_length=200, blank=True, help_text="Number or address of the incident.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind="muted", until__isnull=False) | (~Q(kind="muted") & Q(until__isnull=True)),
                name="a_mute_and_nothing_else_has_a_last_day",
            ),
            models.CheckConstraint(
                condition=~Q(kind="incident") | ~Q(incident=""), name="a_link_to_an_incident_names_it"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.by}"
