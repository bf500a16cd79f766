"""The ledger, its checkpoints, a person's notifications and the outgoing mail in the admin. All read-only."""

from __future__ import annotations

import json
from typing import Any, ClassVar, cast

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from portal import exporting, panels
from portal.admin.scoped import ScopedAdmin, row_number, say
from portal.errors import BadInput, DomainError
from portal.models import Checkpoint, LedgerEntry, Notification, OutgoingMessage
from portal.tasks import PortalEvent


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ScopedAdmin):
    """Entries about what the person may see; all of them for who holds the right to view the ledger."""

    list_display = ("number", "at", "event", "by", "about")
    list_display_links = ("number",)
    list_filter = ("event",)
    search_fields = ("event", "actor_name", "object_id", "payload")
    date_hierarchy = "at"
    ordering = ("-seq",)
    change_list_template = "portal/ledger_entries.html"
    empty_sentence: ClassVar[str] = "No entry that you may see."

    def get_urls(self) -> list[URLPattern]:
        """The export, before the stock addresses."""
        view: Any = self.admin_site.admin_view(require_GET(self.export))
        return [path("export/<slug:form>/", view, name="portal_ledgerentry_export"), *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list shows with the same search and filters, as far as this person may see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = cast(User, request.user)
        chosen = self.get_changelist_instance(request).get_queryset(request)
        words = f"{request.GET.urlencode() or 'no filter'}, as far as {user.get_username()} may see"
        try:
            lines = exporting.extract(
                entries=chosen, form=form, actor=user, chosen=words[:500], event=PortalEvent.LEDGER_EXPORTED
            )
        except BadInput as unknown:
            raise Http404(unknown.sentence) from unknown
        except DomainError as problem:
            say(request, problem)
            return HttpResponseRedirect(reverse("admin:portal_ledgerentry_changelist"))
        answer = StreamingHttpResponse(lines, content_type=exporting.MEDIA_TYPES[form])
        answer["Content-Disposition"] = f'attachment; filename="ledger-{timezone.now():%Y%m%d-%H%M}.{form}"'
        return answer

    @admin.display(description="No.", ordering="seq")
    def number(self, row: LedgerEntry) -> int:
        """Its place in the log."""
        return row.seq

    @admin.display(description="By", ordering="actor_name")
    def by(self, row: LedgerEntry) -> str:
        """Who did it; the name as it was then."""
        return row.actor_name

    @admin.display(description="About")
    def about(self, row: LedgerEntry) -> str:
        """The kind of object and its number."""
        return about(row)

    def visible(self, user: User) -> QuerySet[LedgerEntry]:
        """By scope; the portal's own entries only with the right."""
        if not (user.is_active and user.is_staff):
            return LedgerEntry.objects.none()
        if user.has_perm("portal.view_ledgerentry"):
            return LedgerEntry.objects.all()
        return LedgerEntry.objects.filter(Q(scope__in=panels.scopes_of(user)))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The entry to the letter, with its leaf hash."""
        row = _row(self.visible(cast(User, request.user)), object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Entry {row.seq}: {row.event}",
            "row": row,
            "about": about(row),
            "address": address(row),
            "leaf": bytes(row.leaf).hex(),
            "pretty": json.dumps(json.loads(row.payload), indent=2, ensure_ascii=False),
        }
        return require_safe(lambda request: render(request, "portal/ledger_entry.html", context))(request)


def about(row: LedgerEntry) -> str:
    """The object in words."""
    kind = _kind(row)
    name = str(kind._meta.verbose_name) if kind else row.object_type
    return f"{name[:1].upper()}{name[1:]} {row.object_id}"


def address(row: LedgerEntry) -> str:
    """The page of the object, which decides itself who may see it; empty if it has none."""
    kind = _kind(row)
    if kind is None or not admin.site.is_registered(kind):
        return ""
    return reverse(f"admin:{kind._meta.app_label}_{kind._meta.model_name}_change", args=[row.object_id])


def _kind(row: LedgerEntry) -> type[Model] | None:
    try:
        return apps.get_model(row.object_type)
    except (LookupError, ValueError):
        return None


@admin.register(Checkpoint)
class CheckpointAdmin(ScopedAdmin):
    """Signed statements of the ledger's size and root; anybody on the staff may compare them."""

    list_display = ("size", "created_at")
    empty_sentence: ClassVar[str] = "No checkpoint yet. One is made each night, and with each issued card."

    def visible(self, user: User) -> QuerySet[Checkpoint]:
        """They say nothing about any model."""
        return Checkpoint.objects.all() if user.is_active and user.is_staff else Checkpoint.objects.none()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The note to the letter."""
        row = _row(self.visible(cast(User, request.user)), object_id)
        context = {**self.admin_site.each_context(request), "title": f"Checkpoint at {row.size} entries", "row": row}
        return require_safe(lambda request: render(request, "portal/checkpoint.html", context))(request)


@admin.register(Notification)
class NotificationAdmin(ScopedAdmin):
    """A person's own notifications."""

    list_display = ("text", "created_at", "read_at", "needs_you")
    list_filter = ("asks_for_act",)
    change_list_template = "portal/notifications.html"
    empty_sentence: ClassVar[str] = "Nothing has happened that you would have to know."

    @admin.display(description="Needs you", ordering="asks_for_act")
    def needs_you(self, row: Notification) -> str:
        """A word, because a red cross beside good news looks like a failure."""
        return "Yes" if row.asks_for_act else "–"

    def visible(self, user: User) -> QuerySet[Notification]:
        """Only one's own."""
        return Notification.objects.filter(user_id=user.pk)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Go to what it is about."""
        row = _row(self.visible(cast(User, request.user)), object_id)
        return HttpResponseRedirect(row.link)

    def get_urls(self) -> list[URLPattern]:
        """Marking as read, before the stock addresses."""
        view: Any = self.admin_site.admin_view(mark_read)
        return [path("read/", view, name="portal_notification_read"), *super().get_urls()]


@require_POST
def mark_read(request: HttpRequest) -> HttpResponseBase:
    """Mark all of one's own notifications as read."""
    Notification.objects.filter(user_id=cast(User, request.user).pk, read_at=None).update(read_at=timezone.now())
    return HttpResponseRedirect(reverse("admin:portal_notification_changelist"))


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(ScopedAdmin):
    """Mail that is to be sent, for administrators."""

    list_display = ("subject", "recipient", "created_at", "sent_at", "attempts", "last_error")
    list_filter = ("sent_at",)

    def visible(self, user: User) -> QuerySet[OutgoingMessage]:
        """Only with the right."""
        allowed = user.is_active and user.has_perm("portal.view_outgoingmessage")
        return OutgoingMessage.objects.all() if allowed else OutgoingMessage.objects.none()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Not in everybody's sidebar."""
        return cast(User, request.user).has_perm("portal.view_outgoingmessage")


def notifications_entry(user: User) -> panels.WorkEntry:
    """The second entry of the sidebar."""
    unread = Notification.objects.filter(user_id=user.pk, read_at=None).count()
    return panels.WorkEntry("Notifications", reverse("admin:portal_notification_changelist"), unread)


def _row(rows: QuerySet[Any], object_id: str | None) -> Any:
    number = row_number(object_id)
    row = rows.filter(pk=number).first()
    if row is None:
        raise Http404
    return row


__all__ = ["notifications_entry"]
