"""Files of watched folders in the admin: what was seen, taken and refused. Read-only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet

from approvals import permissions
from monitoring.models import WatchedFile
from portal.admin import ScopedAdmin


@admin.register(WatchedFile)
class WatchedFileAdmin(ScopedAdmin):
    """Files for visible versions."""

    list_display = ("name", "folder", "version", "state", "sentence", "seen_at")
    list_display_links = None
    list_filter = ("state", "folder")
    search_fields = ("name", "version__model__name")
    list_select_related = ("version__model",)
    empty_sentence: ClassVar[str] = "No file of a watched folder that you may see. Administrators name such folders."

    def visible(self, user: User) -> QuerySet[WatchedFile]:
        """Of visible versions."""
        return WatchedFile.objects.filter(version__in=permissions.visible_versions(user))
