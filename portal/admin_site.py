"""Django's admin site with our name, the work of the person at the top of the sidebar, and a front page of panels."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from portal import panels


class PortalAdminSite(AdminSite):
    """Stock admin; it adds entries and panels and takes nothing away."""

    site_title = "Model approval"
    site_header = "Model approval"
    index_title = "Overview"
    site_url = None
    empty_value_display = "–"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page gets, with the person's work."""
        context = super().each_context(request)
        if self.has_permission(request):
            context["work"] = panels.work_of(cast(User, request.user))
        return context

    def get_urls(self) -> list[Any]:
        """The stock addresses without the redirector to "view on site", which tells whether any row exists."""
        stock = [entry for entry in super().get_urls() if getattr(entry, "name", None) != "view_on_site"]
        return [path("codes/", self.admin_view(self.one_time_codes), name="one_time_codes"), *stock]

    def one_time_codes(self, request: HttpRequest) -> HttpResponseBase:
        """The person's own one-time codes."""
        from portal.one_time_codes import one_time_codes  # noqa: PLC0415  (needs the apps)

        return one_time_codes(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The front page: what is true now, within what the person may see."""
        front = {"panels": panels.front_page_of(cast(User, request.user))}
        return super().index(request, {**front, **(extra_context or {})})
