"""Model cards as rows: the order to make one, then the document with its digest and the signed file."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models import LeasedRun, ModelVersion, StoredFile
from modelcards.card import CardStatus


class ModelCard(LeasedRun):
    """One card. A correction is a new card with a new number; a finished one never changes."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="cards")
    kind = models.CharField(max_length=10, choices=[(status.value, status.value.capitalize()) for status in CardStatus])
    number = models.CharField(max_length=40, blank=True, db_index=True, help_text="Printed on every page.")
    content = models.TextField(blank=True, help_text="The card document, canonical JSON to the letter.")
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the document.")
    checkpoint_size = models.BigIntegerField(null=True, blank=True, help_text="Ledger entries that its proof covers.")
    pdf = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    error = models.TextField(blank=True, help_text="Why the card could not be made.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.number}: {self.error}" if self.error else self.number

    def get_absolute_url(self) -> str:
        """The page of the card."""
        return f"/modelcards/modelcard/{self.pk}/change/"


class CardRenewal(models.Model):
    """A card with one more timestamp: a file that begins with the one before. Never changed; the newest counts."""

    card = models.ForeignKey(ModelCard, on_delete=models.PROTECT, related_name="renewals")
    pdf = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    stamped_until = models.DateTimeField(help_text="When the certificate of its newest timestamp ends.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.card.number}, renewed {self.made_at:%Y-%m-%d}"
