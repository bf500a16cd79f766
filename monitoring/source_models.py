"""Where batches come from by themselves: files of watched folders, and windows of relations that were declared."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from approvals.models import ModelVersion
from monitoring import pauses


class FileState(models.TextChoices):
    """What became of a file of a watched folder."""

    SEEN = "seen", "Seen, not complete yet"
    TAKEN = "taken", "Taken"
    REFUSED = "refused", "Refused"


class WatchedFile(models.Model):
    """A file of a watched folder as it was last seen. A file that changes is another one, and is looked at again."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="watched_files")
    folder = models.CharField(max_length=60)
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    changed_ns = models.BigIntegerField(help_text="When it was last written, as the file system says, in nanoseconds.")
    seen_at = models.DateTimeField(help_text="Since when it looks like this.")
    state = models.CharField(max_length=10, choices=FileState.choices, default=FileState.SEEN)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    sentence = models.TextField(blank=True, help_text="Why it was refused.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "folder", "name"], name="a_folder_has_each_file_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Schedule(models.TextChoices):
    """How long a window of a source is."""

    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week, Monday to Sunday"
    MONTHLY = "monthly", "Every month"


class BatchSource(models.Model):
    """A relation of a named connection that a version's batches are taken from, one for each window that is over."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="batch_sources")
    connection = models.CharField(max_length=60)
    relation = models.CharField(max_length=200)
    time_column = models.CharField(max_length=200)
    schedule = models.CharField(max_length=10, choices=Schedule.choices)
    starts_on = models.DateField(help_text="Windows that begin before this day are taken only when somebody asks.")
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    denials = models.PositiveSmallIntegerField(default=0, help_text="How often in a row the account was refused.")
    denied_at = models.DateTimeField(null=True, blank=True, help_text="When it was refused last.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "connection", "relation"],
                condition=Q(ended_at__isnull=True),
                name="a_relation_is_one_source_of_a_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.relation} of {self.connection}"

    @property
    def asked_again_at(self) -> datetime | None:
        """Until when the connection is left alone, because it refused the account; None where it did not."""
        return self.denied_at + pauses.after(self.denials) if self.denied_at else None


class SourceWindow(models.Model):
    """One window of a source: the batch that was taken, or why none could be. Each window is taken once."""

    source = models.ForeignKey(BatchSource, on_delete=models.PROTECT, related_name="windows")
    first_day = models.DateField()
    last_day = models.DateField()
    ordered_at = models.DateTimeField()
    batch = models.ForeignKey("monitoring.Batch", on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    sentence = models.TextField(blank=True, help_text="Why there is no batch, when it was tried last.")

    class Meta:
        ordering: ClassVar[list[str]] = ["source", "first_day"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "first_day"], name="a_source_gives_each_window_once"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="a_window_of_a_source_ends_after_it_starts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day} to {self.last_day}"

    @property
    def tried_again_at(self) -> datetime | None:
        """From when on it is tried again by itself; None where it was not tried yet."""
        later = [one for one in (self.tried_at and self.tried_at + pauses.EVERY, self.source.asked_again_at) if one]
        return max(later) if self.tried_at else None
