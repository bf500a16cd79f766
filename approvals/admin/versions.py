"""The list of versions, the version page and the addresses of everything that is done on it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals import permissions, time_limits, viewing
from approvals.admin import acts, decommission_pages, restriction_pages, revalidation_pages, version_page
from approvals.admin.acting import person, version_for
from approvals.admin.repin_page import repin
from approvals.admin.sign_page import SignView
from approvals.admin.standing import awaited_of, blockers_of
from approvals.admin.waivers import ask as ask_for_exception
from approvals.models import ModelVersion
from approvals.panels import VERSION_PAGE
from approvals.stages import REVIEW_STAGES
from portal.admin import ScopedAdmin, row_number

VERSION_PAGE += [revalidation_pages.panel, decommission_pages.panel]


@admin.register(ModelVersion)
class ModelVersionAdmin(ScopedAdmin):
    """Versions of visible models."""

    list_display = ("__str__", "stage", "tier", "in_stage", "open_items", "submitted_by")
    list_filter = ("stage", "model__risk_tier", "model")
    search_fields = ("model__name", "number", "summary", "evidence__file__sha256__startswith")
    list_select_related = ("model", "policy", "submitted_by")
    date_hierarchy = None
    ordering = ("-stage_entered_at",)
    list_per_page = 25
    empty_sentence: ClassVar[str] = (
        "No version that you may see. A submitter registers one on the page of a registered model."
    )

    def visible(self, user: User) -> QuerySet[ModelVersion]:
        """Versions of visible models."""
        return permissions.visible_versions(user)

    @admin.display(description="Risk tier", ordering="model__risk_tier")
    def tier(self, version: ModelVersion) -> str:
        """From the model."""
        return version.model.get_risk_tier_display()

    @admin.display(description="In stage for", ordering="stage_entered_at")
    def in_stage(self, version: ModelVersion) -> str:
        """Days."""
        days = (timezone.now() - version.stage_entered_at).days
        time = time_limits.standing(version)
        overdue = ", overdue" if time and time.overdue else ""
        return ("today" if days == 0 else f"{days} day{'s' if days > 1 else ''}") + overdue

    @admin.display(description="Open items")
    def open_items(self, version: ModelVersion) -> str:
        """What stands in the way."""
        if version.stage not in REVIEW_STAGES:
            return "–"
        count = len(blockers_of(version))
        return str(count) if count else "none: may advance"

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The filter by model offers visible models only."""
        return ("stage", "model__risk_tier", ("model", VisibleModelsFilter))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The version page instead of a form."""
        return show(request, object_id)

    def get_urls(self) -> list[URLPattern]:
        """Addresses of the acts, before the stock ones."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=f"approvals_modelversion_{name}")
            return found

        return [
            at("awaiting/", awaiting, "awaiting"),
            at("<int:version_id>/move/<slug:act>/", acts.move, "move"),
            at("<int:version_id>/policy/<int:policy_id>/", repin, "repin"),
            at("<int:version_id>/sign/<slug:stage>/<slug:role>/", SignView.as_view(), "sign"),
            at("<int:version_id>/attach/<slug:kind>/", acts.attach, "attach"),
            at("<int:version_id>/answers/<str:section>/", acts.answers, "answers"),
            at("<int:version_id>/checks/", acts.checks, "checks"),
            at("<int:version_id>/checks/run/", acts.run_checks, "run_checks"),
            at("<int:version_id>/checks/<slug:check>/run/", acts.run_check, "run_check"),
            at("<int:version_id>/runs/<int:run_id>/stop/", acts.stop_check, "stop_check"),
            at("<int:version_id>/comment/", acts.comment, "comment"),
            at("<int:version_id>/findings/open/", acts.open_finding, "open_finding"),
            at("<int:version_id>/findings/<int:finding_id>/<slug:act>/", acts.settle_finding, "settle_finding"),
            at("<int:version_id>/mitigate/<int:run_id>/", acts.mitigate, "mitigate"),
            at("<int:version_id>/exceptions/ask/", ask_for_exception, "ask_exception"),
            at("<int:version_id>/revalidation/ask/", revalidation_pages.ask, "revalidation_ask"),
            at("<int:version_id>/revalidation/renew/", revalidation_pages.renew, "revalidation_renew"),
            at("<int:version_id>/revalidation/refuse/", revalidation_pages.refuse, "revalidation_refuse"),
            at("<int:version_id>/restriction/<int:restriction_id>/", restriction_pages.lift, "restriction_lift"),
            at("<int:version_id>/decommission/<slug:item>/", decommission_pages.answer, "decommission"),
            *super().get_urls(),
        ]


class VisibleModelsFilter(admin.RelatedFieldListFilter):
    """Names only models that the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Visible models by name."""
        return [(str(model.pk), str(model)) for model in permissions.visible_models(person(request))]


@require_safe
def show(request: HttpRequest, object_id: str | None) -> HttpResponse:
    """The version page."""
    version = version_for(request, row_number(object_id))
    if request.method == "GET":
        viewing.viewed(version=version, actor=person(request))
    page = version_page.build(version, person(request))
    context = {
        **admin.site.each_context(request),
        "title": str(version),
        "page": page,
        "version": version,
        "opts": ModelVersion._meta,
    }
    return render(request, "approvals/version.html", context)


@require_safe
def awaiting(request: HttpRequest) -> HttpResponseBase:
    """The signatures that are asked of this person."""
    user = person(request)
    in_review = permissions.visible_versions(user).filter(stage__in=REVIEW_STAGES).count()
    panel = {"lines": awaited_of(user), "more": 0, "in_review": in_review}
    context = {**admin.site.each_context(request), "title": "Awaiting my sign-off", "panel": panel}
    return render(request, "approvals/awaiting.html", context)
