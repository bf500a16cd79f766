"""Exceptions from a policy, each signed by two people and ending on a day. Rows are added; at most one thing changes:
that an exception was revoked.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.signoffs import DossierSnapshot
from approvals.models.versions import ModelVersion
from approvals.stages import Role, Stage


class WaiverKind(models.TextChoices):
    """How much is set aside."""

    WAIVER = "waiver", "Waiver of one requirement"
    EMERGENCY = "emergency", "Emergency override of a gate"


class Waiver(models.Model):
    """One exception: of one requirement that is not met, or, in an emergency, of everything one gate asks."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="waivers")
    kind = models.CharField(max_length=10, choices=WaiverKind.choices)
    stage = models.CharField(max_length=30, choices=Stage.choices)
    requirement = models.CharField(max_length=64, blank=True, help_text="Digest of the requirement as the policy asks.")
    title = models.CharField(max_length=200, help_text="What is set aside, for reading.")
    unmet = models.TextField(help_text="Why it was not met when the exception was asked for.")
    basis = models.CharField(max_length=64, help_text="Digest of what the requirement looked at: a change ends it.")
    reason = models.TextField(help_text="Why the version may go on without it.")
    meanwhile = models.TextField(help_text="What limits the harm until it is met.")
    expires_on = models.DateField(help_text="The last day on which it holds.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.TextField(blank=True)

    class Meta:
        verbose_name = "policy exception"
        verbose_name_plural = "policy exceptions"
        ordering: ClassVar[list[str]] = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.title}"

    @property
    def is_emergency(self) -> bool:
        """Whether it sets a whole gate aside."""
        return self.kind == WaiverKind.EMERGENCY

    @property
    def asked_on(self) -> date:
        """The day from which a policy counts how long it may hold."""
        return self.asked_at.date()


class WaiverSignature(models.Model):
    """One of the signatures that an exception needs, on exactly what the signer saw."""

    waiver = models.ForeignKey(Waiver, on_delete=models.PROTECT, related_name="signatures")
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=30, choices=Role.choices)
    printed_name = models.CharField(max_length=160, help_text="The signer's name at signing time.")
    meaning = models.TextField(help_text="Meaning of the signature, as shown to the signer.")
    comment = models.TextField()
    signed_at = models.DateTimeField()
    authentication = models.CharField(max_length=60, help_text="How the signer proved identity in this very act.")
    dossier = models.ForeignKey(DossierSnapshot, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=64)

    class Meta:
        verbose_name = "signature of an exception"
        verbose_name_plural = "signatures of exceptions"
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["waiver", "signer"], name="a_person_signs_an_exception_once"),
            models.UniqueConstraint(fields=["signer", "idempotency_key"], name="a_key_signs_one_exception"),
        ]

    def __str__(self) -> str:
        return f"{self.printed_name} for {self.waiver}"
