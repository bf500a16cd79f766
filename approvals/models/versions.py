"""What is approved: registered models and their versions, with the stage as a protected FSM field."""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django_fsm import GET_STATE, FSMField, transition
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from approvals.models.policies import Policy
from approvals.stages import PATH, REVIEW_STAGES, Role, Stage, Tier, next_stage


class RegisteredModel(models.Model):
    """What the business owns: a purpose with an owner and a risk tier. Has many versions."""

    name = models.CharField(max_length=120, unique=True)
    purpose = models.TextField(help_text="What the model decides about whom. Printed on the model card.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_models")
    business_unit = models.CharField(max_length=120)
    risk_tier = models.CharField(max_length=10, choices=Tier.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        permissions = (
            *((f"sign_off_as_{role.value}", f"May sign off as {role.in_words}") for role in Role),
            ("submit_versions", "May register versions, upload evidence and answer questions"),
            ("audit_model", "May read everything about this model and download its cards"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> str:
        """The ledger scope of everything about this model."""
        return f"approvals.registeredmodel:{self.pk}"


class RegisteredModelUserObjectPermission(UserObjectPermissionBase):
    """Grants to one person on one model; rows die with the model, so a reused id inherits nothing."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)


class RegisteredModelGroupObjectPermission(GroupObjectPermissionBase):
    """Grants to a group on one model."""

    content_object = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE)


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Versions, and how a use case takes the ones that it decides on."""

    def locked(self) -> Self:
        """The versions with model, policy and people, their own rows locked until the transaction ends.

        Every use case locks the version before any row of it, so that none waits for another in a circle. Only the
        version's row is locked (`of=("self",)`): the joined rows of model, policy and people are shared with other
        versions, whose use cases would wait. SQLite locks the whole database instead.
        """
        people = ("model__owner", "submitted_by", "developer")
        # The policy is read after the lock and not joined: PostgreSQL gives no row whose policy another transaction
        # changed while this one waited for it.
        return self.select_for_update(of=("self",)).select_related(*people).prefetch_related("policy")


class ModelVersion(models.Model):
    """What is approved: one artifact of a registered model, on its way through the stages."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    number = models.CharField(max_length=40, help_text="Your version number, for example 2.1.0.")
    summary = models.TextField(help_text="What is new in this version, in one or two sentences.")
    stage = FSMField(default=Stage.SCOPING, choices=Stage.choices, protected=True, db_index=True)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="submitted_versions"
    )
    developer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="developed_versions")
    code_revision = models.CharField(max_length=64, blank=True, help_text="Commit or digest of the training code.")
    created_at = models.DateTimeField()
    stage_entered_at = models.DateTimeField()
    suspensions = models.PositiveSmallIntegerField(
        default=0, help_text="Part of the deployment dossier, so that reinstating needs fresh sign-offs."
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approval_expires_at = models.DateTimeField(null=True, blank=True)
    incumbent_plan = models.CharField(
        max_length=10,
        blank=True,
        choices=[("replaced", "Replaces the incumbent"), ("kept", "Runs beside the incumbent")],
    )

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "number"], name="a_version_number_is_used_once_per_model"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} {self.number}"

    def get_absolute_url(self) -> str:
        """The version page."""
        return f"/approvals/modelversion/{self.pk}/change/"

    @property
    def scope(self) -> str:
        """The ledger scope of everything about this version."""
        return f"approvals.registeredmodel:{self.model_id}"

    # The transitions only declare what may follow what; workflow.py alone calls them: it locks, permits and decides.

    @transition(
        field=stage,
        source=[stage.value for stage in REVIEW_STAGES],
        target=GET_STATE(lambda self: next_stage(self.stage).value, states=[stage.value for stage in PATH[1:]]),
    )
    def advance(self) -> None:
        """Move to the next stage."""

    @transition(
        field=stage,
        source=[stage.value for stage in REVIEW_STAGES[1:]],
        target=GET_STATE(lambda _self, to: to, states=[stage.value for stage in REVIEW_STAGES[:-1]]),
    )
    def request_changes(self, to: str) -> None:
        """Move back to an earlier review stage."""

    @transition(field=stage, source=[stage.value for stage in REVIEW_STAGES], target=Stage.REJECTED.value)
    def reject(self) -> None:
        """End: a signer said no."""

    @transition(field=stage, source=[stage.value for stage in REVIEW_STAGES], target=Stage.WITHDRAWN.value)
    def withdraw(self) -> None:
        """End: the submitter took it back."""

    @transition(field=stage, source=Stage.MONITORING.value, target=Stage.SUSPENDED.value)
    def suspend(self) -> None:
        """Pause: the approval does not hold for now."""

    @transition(field=stage, source=Stage.SUSPENDED.value, target=Stage.MONITORING.value)
    def reinstate(self) -> None:
        """The approval holds again."""

    @transition(field=stage, source=[Stage.MONITORING.value, Stage.SUSPENDED.value], target=Stage.RETIRED.value)
    def retire(self) -> None:
        """End: out of service."""
