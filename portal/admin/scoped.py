"""Base of every admin page on governed rows: read-only, and only the rows that this person may see."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from portal.errors import DomainError

LONGEST_NUMBER = 18


def say(request: HttpRequest, error: DomainError) -> None:
    """Show why nothing was done."""
    messages.error(request, error.sentence)


def row_number(text: str | None) -> int:
    """The number in an address; -1 for what is none, or longer than any key."""
    return int(text) if text and text.isdecimal() and len(text) <= LONGEST_NUMBER else -1


class ScopedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no parameter at run time
    """Shows what `visible` gives to an active member of staff; changes nothing. A row out of sight does not exist."""

    actions = None
    view_on_site = False
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/read_only.html"
    empty_sentence: ClassVar[str] = ""

    def visible(self, user: User) -> QuerySet[Any]:
        """The rows that this person may see."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Lists, pages, histories, autocompletes and filters all start here."""
        rows = self.visible(cast(User, request.user))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Staff open the list; a row only if it is among theirs."""
        user = cast(User, request.user)
        if not (user.is_active and user.is_staff):
            return False
        return obj is None or self.visible(user).filter(pk=obj.pk).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is in the sidebar."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by use cases, not by admin forms."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows are changed by use cases, not by admin forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Governed rows are never deleted."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with a sentence for an empty one."""
        if any("\x00" in value for _, values in request.GET.lists() for value in values):
            raise Http404  # nothing is called so, and PostgreSQL takes no such text
        return super().changelist_view(
            request, {"empty_sentence": self.empty_sentence, "title": self._title(), **(extra_context or {})}
        )

    def _title(self) -> str:
        name = str(self.opts.verbose_name_plural)
        return name[:1].upper() + name[1:]
