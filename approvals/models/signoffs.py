"""Sign-offs and the exact dossiers they cover. Both are append-only; validity is derived, never stored."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.versions import ModelVersion
from approvals.stages import Role, Stage


class SignOffDecision(models.TextChoices):
    """What a signer decides."""

    APPROVE = "approve", "Approve"
    APPROVE_WITH_CONDITIONS = "approve_with_conditions", "Approve with conditions"
    REQUEST_CHANGES = "request_changes", "Request changes"
    REJECT = "reject", "Reject"


class DossierSnapshot(models.Model):
    """The canonical JSON of a dossier that somebody signed, stored once per digest."""

    digest = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest


class SignOff(models.Model):
    """Who decided what, as what, on exactly which dossier."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="sign_offs")
    stage = models.CharField(max_length=30, choices=Stage.choices)
    role = models.CharField(max_length=30, choices=Role.choices)
    decision = models.CharField(max_length=30, choices=SignOffDecision.choices)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sign_offs")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Whose role it was, if the signer held it by delegation.",
    )
    printed_name = models.CharField(max_length=340, help_text="The signer's name at signing time.")
    meaning = models.TextField(help_text="Meaning of the signature, as shown to the signer.")
    comment = models.TextField()
    conditions = models.JSONField(default=list, blank=True)
    signed_at = models.DateTimeField()
    authentication = models.CharField(max_length=60, help_text="How the signer proved identity in this very act.")
    dossier = models.ForeignKey(DossierSnapshot, on_delete=models.PROTECT, related_name="sign_offs")
    idempotency_key = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = "sign-off"
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "stage", "dossier", "signer"],
                name="a_person_signs_once_per_stage_and_dossier",
            ),
            models.UniqueConstraint(
                fields=["version", "stage", "dossier", "on_behalf_of"],
                name="nobody_is_signed_for_twice_per_stage_and_dossier",
            ),
            models.UniqueConstraint(
                fields=["signer", "idempotency_key"], name="an_idempotency_key_is_used_once_per_signer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.printed_name} as {self.get_role_display()}: {self.get_decision_display()}"

    @property
    def role_in_words(self) -> str:
        """The role in the middle of a sentence."""
        return Role(self.role).in_words
