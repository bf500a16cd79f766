"""Who signs for whom while somebody is away. A row is added; at most one thing changes: that it was revoked."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from approvals.models.versions import RegisteredModel
from approvals.stages import Role
from portal.ledger import printed_name


class Delegation(models.Model):
    """On these days the delegate signs in this role on this model for the principal, who must hold the role then."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="delegations")
    role = models.CharField(max_length=30, choices=Role.choices)
    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given", help_text="Who is away."
    )
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_held", help_text="Who signs."
    )
    starts_on = models.DateField(help_text="First day.")
    ends_on = models.DateField(help_text="Last day.")
    reason = models.TextField()
    made_at = models.DateTimeField()
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(principal=F("delegate")), name="nobody_delegates_to_themselves"),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="a_delegation_ends_after_it_starts"),
        ]

    def __str__(self) -> str:
        who, for_whom = printed_name(self.delegate), printed_name(self.principal)
        return f"{who} for {for_whom} as {Role(self.role).in_words}"
