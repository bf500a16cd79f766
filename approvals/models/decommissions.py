"""Answers to the checklist before a retirement. Rows only grow; the newest answer to an item is the current one."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.models.versions import ModelVersion
from approvals.stages import Role


class DecommissionAnswer(models.Model):
    """That one item is done, or does not apply, by whom in which role, with evidence or the reason."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="decommission_answers")
    item = models.CharField(max_length=60)
    text = models.CharField(max_length=300, help_text="The item as the policy worded it.")
    applies = models.BooleanField(help_text="False: the item does not apply, for the reason given.")
    evidence = models.TextField(help_text="What shows that it is done, or why it does not apply.")
    role = models.CharField(max_length=30, choices=Role.choices)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    printed_name = models.CharField(max_length=160, help_text="The person's name at the time.")
    answered_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["version", "item"], name="answers_of_an_item")]

    def __str__(self) -> str:
        return f"{self.item}: {self.printed_name}"

    @property
    def role_in_words(self) -> str:
        """The role in the middle of a sentence."""
        return Role(self.role).in_words
