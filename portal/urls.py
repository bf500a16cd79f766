"""Which address opens which door. Holds no rule."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.http import require_safe

from portal.api import api, schema
from portal.problems import unknown


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the web process answers; says nothing about data and asks for no sign-in."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/openapi.json", admin.site.admin_view(schema), name="openapi"),
    path("api/v1/", unknown),
    path("api/v1/", api.urls),
    re_path(r"^api/", unknown),
    path("", admin.site.urls),
]

handler400 = "portal.pages.bad_request"
handler403 = "portal.pages.not_permitted"
handler404 = "portal.pages.not_found"
handler500 = "portal.pages.broken"
