"""Delegations in the admin: the list, the form to give one, the button to end one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import delegations, permissions
from approvals.admin.acting import person, sent, status_of
from approvals.admin.forms import ActForm, PersonField, date_field, long_text
from approvals.models import Delegation
from approvals.stages import Role
from portal.admin import ScopedAdmin, row_number
from portal.errors import DomainError


class DelegateForm(ActForm):
    """Which role of one's own, to whom, on which days, why."""

    starts_on = date_field("First day")
    ends_on = date_field("Last day", f"At most {delegations.LONGEST.days} days later.")
    reason = long_text("Reason", "At least 10 characters. Recorded in the ledger.", rows=3)

    def __init__(self, *args: Any, user: User, held: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["what"] = forms.ChoiceField(label="Your role", choices=held)
        others = User.objects.filter(is_active=True, is_staff=True).exclude(pk=user.pk)
        self.fields["to"] = PersonField(
            others.order_by("first_name", "last_name", "username"), label="Who signs for you"
        )
        self.order_fields(["what", "to", "starts_on", "ends_on", "reason"])


@admin.register(Delegation)
class DelegationAdmin(ScopedAdmin):
    """Delegations that this person gave or holds, and those on models that they may see."""

    list_display = ("__str__", "model", "starts_on", "ends_on", "standing")
    list_filter = ("role",)
    search_fields = ("model__name", "principal__last_name", "delegate__last_name")
    list_select_related = ("model", "principal", "delegate")
    change_list_template = "approvals/delegations.html"
    empty_sentence = "No delegation that you may see. Whoever holds a role on a model can let somebody sign for them."

    def visible(self, user: User) -> QuerySet[Delegation]:
        """One's own, and those on visible models."""
        mine = Q(principal_id=user.pk) | Q(delegate_id=user.pk)
        if not user.is_active:
            return Delegation.objects.none()
        return Delegation.objects.filter(mine | Q(model__in=permissions.visible_models(user))).distinct()

    @admin.display(description="Standing")
    def standing(self, row: Delegation) -> str:
        """In words."""
        today = timezone.now().date()
        if row.revoked_at is not None:
            return "Ended early"
        if row.ends_on < today:
            return "Over"
        return "Holds" if row.starts_on <= today else "Later"

    def get_urls(self) -> list[URLPattern]:
        """Giving and ending, before the stock addresses."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=f"approvals_delegation_{name}")
            return found

        return [
            at("give/", give, "give"),
            at("<int:delegation_id>/end/", self.end, "end"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a delegation."""
        return require_safe(lambda request: self._show(request, object_id))(request)

    def _show(self, request: HttpRequest, object_id: str | None) -> HttpResponse:
        row = self._row(request, row_number(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "row": row,
            "opts": self.opts,
            "standing": self.standing(row),
            "may_end": row.revoked_at is None
            and row.ends_on >= timezone.now().date()
            and delegations.may_revoke(row, person(request)),
        }
        return render(request, "approvals/delegation.html", context)

    def _row(self, request: HttpRequest, number: int) -> Delegation:
        row = self.visible(person(request)).select_related(*self.list_select_related).filter(pk=number).first()
        if row is None:
            raise Http404
        return row

    def end(self, request: HttpRequest, delegation_id: int) -> HttpResponseBase:
        """End one at once."""
        return require_POST(self._end)(request, delegation_id)

    def _end(self, request: HttpRequest, delegation_id: int) -> HttpResponseBase:
        row = self._row(request, delegation_id)
        try:
            delegations.revoke(delegation_id=row.pk, actor=person(request))
        except DomainError as error:
            messages.error(request, error.sentence)
        else:
            messages.success(request, "The delegation is ended.")
        return HttpResponseRedirect(reverse("admin:approvals_delegation_change", args=[row.pk]))


@require_http_methods(["GET", "POST"])
def give(request: HttpRequest) -> HttpResponseBase:
    """Let somebody sign for oneself."""
    user = person(request)
    held = [
        (f"{model.pk} {role.value}", f"{role.label} on {model}")
        for model in permissions.visible_models(user).order_by("name")
        for role in permissions.roles_of(user, model)
    ]
    form = DelegateForm(sent(request), user=user, held=held)
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        model_id, _, role = given.pop("what").partition(" ")
        try:
            row = delegations.delegate(model_id=int(model_id), role=Role(role), actor=user, **given)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, "The delegation is recorded.")
            return HttpResponseRedirect(reverse("admin:approvals_delegation_change", args=[row.pk]))
    context = {
        **admin.site.each_context(request),
        "title": "Let somebody sign for you",
        "opts": Delegation._meta,
        "form": form,
        "holds_a_role": bool(held),
    }
    return render(request, "approvals/delegate.html", context, status=status_of(error))


__all__ = ["DelegationAdmin", "give"]
