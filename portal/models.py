"""The tables of the ground floor. LedgerEntry, LedgerHead and Checkpoint are written by portal.ledger alone,
Notification and OutgoingMessage by portal.notify alone, AccessToken by portal.access_tokens alone.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class LedgerEntry(models.Model):
    """One act. `payload` is the exact text that was hashed; the other columns are copies of it, to search by."""

    seq = models.BigIntegerField(primary_key=True)
    payload = models.TextField()
    leaf = models.BinaryField(max_length=32)
    event = models.CharField(max_length=100, db_index=True)
    scope = models.CharField(max_length=100, db_index=True)
    actor_id = models.BigIntegerField(null=True, db_index=True)
    actor_name = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)
    object_type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["seq"]
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["object_type", "object_id"], name="ledger_by_object")]
        constraints: ClassVar = [models.CheckConstraint(condition=Q(seq__gte=0), name="ledger_seq_starts_at_zero")]

    def __str__(self) -> str:
        return f"#{self.seq} {self.event}"


class LedgerHead(models.Model):
    """The one row that says how long the ledger is; locked by each append."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    size = models.BigIntegerField(default=0)
    peaks = models.BinaryField(default=b"")
    root = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "ledger head"
        default_permissions = ()
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="ledger_has_one_head")]

    def __str__(self) -> str:
        return f"ledger of {self.size} entries"


class Checkpoint(models.Model):
    """A signed statement of the ledger's size and root; `note` is the C2SP signed note to the letter."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-size"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"checkpoint at {self.size} entries"


class Notification(models.Model):
    """One line in one person's inbox."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    event = models.CharField(max_length=100)
    text = models.TextField()
    link = models.CharField(max_length=500)
    asks_for_act = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]
        default_permissions = ("view",)
        indexes: ClassVar = [models.Index(fields=["user", "read_at"], name="notification_unread")]

    def __str__(self) -> str:
        return self.text


class OutgoingMessage(models.Model):
    """A message to the outside that is still to be sent, or was; the row is the queue."""

    class Channel(models.TextChoices):
        MAIL = "mail", "mail"

    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.MAIL)
    recipient = models.CharField(max_length=320)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField(db_index=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["pk"]
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["next_try_at"], condition=Q(sent_at=None), name="outgoing_message_due"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.recipient}: {self.subject}"


class AccessToken(models.Model):
    """A secret by which programs act as a person, within a scope. Only the SHA-256 of the secret is kept."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_tokens")
    name = models.CharField(max_length=100, help_text="What uses it.")
    prefix = models.CharField(max_length=16, unique=True, help_text="The beginning of the token, which tells it apart.")
    digest = models.CharField(max_length=64, unique=True)
    acts = models.JSONField(help_text="What it may do.")
    model_ids = models.JSONField(
        help_text="Keys of the registered models that it may touch; none: all of the person's."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")

    class Meta:
        ordering: ClassVar = ["-pk"]
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="a_token_expires_after_it_is_made")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class WrongTokens(models.Model):
    """How many tokens from one address were wrong since a moment. No record: it is forgotten after the pause."""

    address = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the address.")
    tries = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.tries} since {self.since}"
