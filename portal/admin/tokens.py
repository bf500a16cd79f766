"""Access tokens in the admin: one's own, made here and shown once; a superuser sees and ends everybody's."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal import access_tokens, reauthentication
from portal.access_tokens import TokenAct
from portal.admin.scoped import ScopedAdmin, say
from portal.errors import BadInput, DomainError
from portal.models import AccessToken

USUAL = timedelta(days=90)


class TokenForm(forms.Form):
    """What a token may do, for how long."""

    required_css_class = "required"
    name = forms.CharField(label="What uses it", max_length=100, help_text="For example: nightly scoring job.")
    acts = forms.MultipleChoiceField(
        label="What it may do", choices=TokenAct.choices, widget=forms.CheckboxSelectMultiple
    )
    model_ids = forms.TypedMultipleChoiceField(
        label="For which models",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: for all that you have rights on, now and later.",
    )
    expires_on = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))
    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
        help_text="The token acts as you.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = access_tokens.offered(user)
        self.fields["model_ids"].choices = offered  # type: ignore[attr-defined]
        if not offered:
            del self.fields["model_ids"]


@admin.register(AccessToken)
class AccessTokenAdmin(ScopedAdmin):
    """Tokens; secrets are shown by nobody."""

    list_display = ("name", "prefix", "owner", "state", "expires_at", "last_used_at")
    search_fields = ("name", "prefix", "owner__username")
    list_select_related = ("owner",)
    list_display_links = None
    change_list_template = "portal/access_tokens.html"
    empty_sentence: ClassVar[str] = "You have no token."

    def visible(self, user: User) -> QuerySet[AccessToken]:
        """One's own; all of them for a superuser."""
        rows = AccessToken.objects.all()
        return rows if user.is_superuser else rows.filter(owner=user)

    @admin.display(description="State")
    def state(self, row: AccessToken) -> str:
        """Whether it counts."""
        if row.revoked_at:
            return "Revoked"
        return "Expired" if row.expires_at <= timezone.now() else "In use" if row.last_used_at else "Not used yet"

    def get_urls(self) -> list[URLPattern]:
        """Making and ending, before the stock addresses."""
        make: Any = self.admin_site.admin_view(self.issue)
        end: Any = self.admin_site.admin_view(require_POST(self.revoke))
        return [
            path("issue/", make, name="portal_accesstoken_issue"),
            path("<int:token_id>/revoke/", end, name="portal_accesstoken_revoke"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with what can be ended."""
        live = self.visible(cast(User, request.user)).filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
        return super().changelist_view(request, {**(extra_context or {}), "live": live.select_related("owner")})

    def issue(self, request: HttpRequest) -> HttpResponseBase:
        """Make a token for oneself; its secret is on this one answer."""
        return _issue(request, self.admin_site.each_context(request))

    def revoke(self, request: HttpRequest, token_id: int) -> HttpResponseBase:
        """End a token."""
        user = cast(User, request.user)
        row = self.visible(user).filter(pk=token_id).first()
        if row is None:
            raise Http404
        try:
            access_tokens.revoke(token_id=row.pk, actor=user)
        except DomainError as error:
            say(request, error)
        else:
            messages.success(request, f"The token {row.prefix}… counts no more.")
        return HttpResponseRedirect(reverse("admin:portal_accesstoken_changelist"))


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def _issue(request: HttpRequest, context: dict[str, Any]) -> HttpResponseBase:
    user, secret, made = cast(User, request.user), "", None
    usual = {"expires_on": (timezone.now() + USUAL).date(), "acts": [TokenAct.READ, TokenAct.DELIVER]}
    form = TokenForm(request.POST if request.method == "POST" else None, user=user, initial=usual)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            reauthentication.require_password(actor=user, password=given["password"], http_request=request)
            made, secret = access_tokens.issue(
                owner=user,
                name=given["name"],
                acts=given["acts"],
                model_ids=given.get("model_ids", []),
                expires_at=datetime.combine(given["expires_on"], time.max, tzinfo=UTC),
            )
        except DomainError as error:
            field = {"expires_at": "expires_on"}.get(str(getattr(error, "field", "")), getattr(error, "field", None))
            form.add_error(field if isinstance(error, BadInput) and field in form.fields else None, error.sentence)
    shown = {**context, "title": "Make an access token", "form": form, "secret": secret, "made": made}
    return render(request, "portal/access_token.html", shown)
