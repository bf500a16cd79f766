"""Registered models in the admin: list, page with versions and rights, registration, grants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import permissions, registration
from approvals.admin import tier_pages
from approvals.admin.acting import person, sent, status_of
from approvals.admin.registration_forms import RIGHTS, GrantForm, ModelForm, VersionForm
from approvals.models import (
    ModelVersion,
    RegisteredModel,
    RegisteredModelGroupObjectPermission,
    RegisteredModelUserObjectPermission,
)
from approvals.stages import Stage
from portal.admin import ScopedAdmin, row_number, say
from portal.errors import DomainError, NotPermitted
from portal.ledger import name_of

form_view = require_http_methods(["GET", "POST"])


@dataclass(frozen=True)
class Grant:
    """One right that somebody holds on a model."""

    name: str
    kind: str
    pk: int
    active: bool


@dataclass(frozen=True)
class RightLine:
    """One right with everybody who holds it."""

    codename: str
    label: str
    grants: tuple[Grant, ...]


@admin.register(RegisteredModel)
class RegisteredModelAdmin(ScopedAdmin):
    """Models that the person may see."""

    list_display = ("name", "risk_tier", "owner", "business_unit", "version_count", "newest")
    list_filter = ("risk_tier", "business_unit")
    search_fields = ("name", "purpose", "business_unit")
    list_select_related = ("owner",)
    change_list_template = "approvals/registered_models.html"
    ordering = ("name",)
    empty_sentence: ClassVar[str] = (
        "No model that you may see. Register one, or ask an administrator for a right on one."
    )

    def visible(self, user: User) -> QuerySet[RegisteredModel]:
        """Those with a right. Who only administers rights finds the others under “Rights on all models”."""
        return permissions.visible_models(user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisteredModel]:
        """With the number of versions and the newest of them."""
        newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-created_at", "-pk")
        rows: QuerySet[RegisteredModel] = (
            super()
            .get_queryset(request)
            .annotate(
                n_versions=Count("versions"),
                newest_number=Subquery(newest.values("number")[:1]),
                newest_stage=Subquery(newest.values("stage")[:1]),
            )
        )
        return rows

    @admin.display(description="Versions", ordering="n_versions")
    def version_count(self, model: Any) -> int:
        """How many."""
        return int(model.n_versions)

    @admin.display(description="Newest version")
    def newest(self, model: Any) -> str:
        """Its number and stage."""
        return f"{model.newest_number}: {Stage(model.newest_stage).label.lower()}" if model.newest_number else "–"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the button for those who may register."""
        may = request.user.has_perm("approvals.add_registeredmodel")
        administers = permissions.may_administer(person(request))
        context = {"may_register": may, "may_administer": administers, **(extra_context or {})}
        return super().changelist_view(request, context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a model."""
        return show(request, model_for(request, row_number(object_id)))

    def get_urls(self) -> list[URLPattern]:
        """Registration and grants, before the stock addresses."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=f"approvals_registeredmodel_{name}")
            return found

        return [
            at("register/", register, "register"),
            at("rights/", rights, "rights"),
            at("<int:model_id>/versions/register/", register_version, "register_version"),
            at("<int:model_id>/tier/", tier_pages.assess, "tier"),
            at("<int:model_id>/tier/override/", tier_pages.ask_override, "override"),
            at("<int:model_id>/tier/override/<int:override_id>/", tier_pages.confirm_override, "confirm_override"),
            at("<int:model_id>/grant/", grant, "grant"),
            at("<int:model_id>/revoke/", revoke, "revoke"),
            *super().get_urls(),
        ]


def model_for(request: HttpRequest, model_id: int) -> RegisteredModel:
    """A model that this person may see or administer; otherwise it does not exist."""
    user = person(request)
    model = RegisteredModel.objects.select_related("owner").filter(pk=model_id).first()
    if model is None or not (permissions.may_view(user, model) or permissions.may_administer(user)):
        raise Http404
    return model


def _back(model: RegisteredModel, anchor: str = "") -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:approvals_registeredmodel_change", args=[model.pk]) + anchor)


@require_safe
def show(request: HttpRequest, model: RegisteredModel) -> HttpResponse:
    """Facts, versions and rights. Who only administers rights sees the rights and nothing of the versions."""
    return _page(request, model, GrantForm())


@require_safe
def rights(request: HttpRequest) -> HttpResponse:
    """The names of all models, for who administers rights."""
    if not permissions.may_administer(person(request)):
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": "Rights on all models",
        "models": RegisteredModel.objects.order_by("name"),
    }
    return render(request, "approvals/rights.html", context)


def _page(request: HttpRequest, model: RegisteredModel, form: GrantForm, *, status: int = 200) -> HttpResponse:
    user = person(request)
    sees = permissions.may_view(user, model)
    context = {
        **admin.site.each_context(request),
        "title": model.name,
        "model": model,
        "owner": name_of(model.owner),
        "sees": sees,
        "versions": model.versions.select_related("submitted_by").order_by("-created_at", "-pk") if sees else (),
        "may_submit": permissions.may_submit(user, model),
        "tier": tier_pages.panel_of(model, user) if sees else None,
        "rights": _rights(model),
        "may_administer": permissions.may_administer(user),
        "form": form,
    }
    return render(request, "approvals/registered_model.html", context, status=status)


def _rights(model: RegisteredModel) -> tuple[RightLine, ...]:
    found: dict[str, list[Grant]] = {codename: [] for codename in RIGHTS}
    people = RegisteredModelUserObjectPermission.objects.filter(content_object=model)
    for row in people.select_related("user", "permission").order_by("user__username"):
        user = row.user
        found[row.permission.codename].append(Grant(name_of(user), "person", user.pk, user.is_active))
    groups = RegisteredModelGroupObjectPermission.objects.filter(content_object=model)
    for entry in groups.select_related("group", "permission").order_by("group__name"):
        found[entry.permission.codename].append(
            Grant(f"Group {entry.group.name}", "group", entry.group.pk, active=True)
        )
    return tuple(RightLine(codename, label, tuple(found[codename])) for codename, label in RIGHTS.items())


@form_view
def register(request: HttpRequest) -> HttpResponseBase:
    """Register a model."""
    form = ModelForm(sent(request))
    error: DomainError | None = None
    if not person(request).has_perm("approvals.add_registeredmodel"):
        error = NotPermitted("You have no right to register models.")
        form.errors.clear()
    elif form.is_bound and form.is_valid():
        try:
            given = dict(form.cleaned_data)
            answers = tier_pages.answers_in(given)
            model = registration.register_model(actor=person(request), tier_answers=answers, **given)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, f"{model} is registered. Register its first version below.")
            return _back(model)
    intro = (
        "You become a submitter of it. An administrator grants the other rights on its page. Its risk tier follows "
        "from the answers below, and selects the policy that its versions are judged by."
    )
    return _form_page(request, form, "Register a model", intro, error)


@form_view
def register_version(request: HttpRequest, model_id: int) -> HttpResponseBase:
    """Register a version of a model."""
    model = model_for(request, model_id)
    form = VersionForm(sent(request))
    error: DomainError | None = None
    if form.is_bound and form.is_valid():
        try:
            version = registration.register_version(model_id=model.pk, actor=person(request), **form.cleaned_data)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, f"{version} is registered under {version.policy}.")
            return HttpResponseRedirect(version.get_absolute_url())
    intro = "It is judged by the newest published policy of its risk tier, whatever is published later."
    return _form_page(request, form, f"Register a version of {model}", intro, error)


def _form_page(request: HttpRequest, form: Any, title: str, intro: str, error: DomainError | None) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "form": form, "intro": intro, "refusal": error}
    return render(request, "approvals/registration.html", context, status=status_of(error))


@require_POST
def grant(request: HttpRequest, model_id: int) -> HttpResponseBase:
    """Give one right; what was chosen stays on the page if it is refused."""
    model, form = model_for(request, model_id), GrantForm(request.POST)
    error: DomainError | None = None
    if form.is_valid():
        given = form.cleaned_data
        to = given["person"] or given["group"]
        try:
            permissions.grant(actor=person(request), codename=given["codename"], to=to, model=model)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, "The right is granted.")
            return _back(model, "#rights")
    elif not permissions.may_administer(person(request)):
        error = NotPermitted("Only an administrator may grant or revoke rights on models.")
    return _page(request, model, form, status=status_of(error))


@require_POST
def revoke(request: HttpRequest, model_id: int) -> HttpResponseBase:
    """Take one right away."""
    model, user = model_for(request, model_id), person(request)
    kind, pk = request.POST.get("kind", ""), request.POST.get("pk", "")
    if not permissions.may_administer(user):
        say(request, NotPermitted("Only an administrator may grant or revoke rights on models."))
        return _page(request, model, GrantForm(), status=403)
    if kind not in ("person", "group"):
        raise Http404
    holder: User | Group = (
        get_object_or_404(User, pk=row_number(pk)) if kind == "person" else get_object_or_404(Group, pk=row_number(pk))
    )
    try:
        permissions.revoke(actor=user, codename=request.POST.get("codename", ""), to=holder, model=model)
    except DomainError as error:
        say(request, error)
        if isinstance(error, NotPermitted):
            return _page(request, model, GrantForm(), status=403)
    else:
        messages.success(request, "The right is revoked; it is gone at once.")
    return _back(model, "#rights")
