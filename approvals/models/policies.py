"""Policies as reviewed and published text. A published row never changes; a new number is a new row."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from approvals.stages import Tier


class PolicyStatus(models.TextChoices):
    """The life of a policy."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    RETIRED = "retired", "Retired"


class Policy(models.Model):
    """What each stage's gate asks of the versions of one risk tier, as YAML with a digest."""

    name = models.SlugField(max_length=80)
    number = models.PositiveIntegerField(null=True, blank=True, help_text="Given at publication, counted per name.")
    tier = models.CharField(max_length=10, choices=Tier.choices)
    title = models.CharField(max_length=160)
    text = models.TextField(help_text="The policy in YAML, exactly as reviewed.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text.")
    status = models.CharField(max_length=10, choices=PolicyStatus.choices, default=PolicyStatus.DRAFT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "-number"]
        verbose_name_plural = "policies"
        permissions = (("publish_policy", "May publish policies written by somebody else"),)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "number"], name="a_policy_number_is_given_once_per_name"),
            models.CheckConstraint(
                condition=models.Q(published_by__isnull=True) | ~models.Q(published_by=models.F("author")),
                name="a_policy_is_published_by_another_person_than_its_author",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {f'no. {self.number}' if self.number else '(draft)'}"
