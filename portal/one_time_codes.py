"""The page where people set up and remove their own one-time codes."""

from __future__ import annotations

from typing import cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal import reauthentication, second_factor
from portal.errors import BadInput, DomainError


class CodeForm(forms.Form):
    """The password, and a code of the device."""

    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
    )
    code = forms.CharField(
        label="One-time code",
        max_length=12,
        help_text="Six digits that your device shows now.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


@never_cache
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def one_time_codes(request: HttpRequest) -> HttpResponseBase:
    """Begin, confirm with the first code, or remove with the password and a code."""
    user = cast(User, request.user)
    form = CodeForm(request.POST if request.method == "POST" and "begin" not in request.POST else None)
    if request.method == "POST":
        try:
            done = _act(request, user, form)
        except DomainError as error:
            field = error.field if isinstance(error, BadInput) and error.field in form.fields else None
            if form.is_bound:
                form.add_error(field, error.sentence)
            else:
                messages.error(request, error.sentence)
        else:
            if done:
                messages.success(request, done)
                return HttpResponseRedirect(reverse("admin:one_time_codes"))
    device, waiting = second_factor.device_of(user), second_factor.begun(user)
    secret, picture = second_factor.shown_secret(waiting) if waiting and not device else ("", "")
    context = {
        **admin.site.each_context(request),
        "title": "One-time codes",
        "device": device,
        "since": second_factor.set_up_since(device) if device else None,
        "secret": secret,
        "picture": mark_safe(picture),  # noqa: S308  (drawn by the library out of the secret)
        "form": form,
    }
    return render(request, "portal/one_time_codes.html", context)


def _act(request: HttpRequest, user: User, form: CodeForm) -> str:
    if "begin" in request.POST:
        second_factor.begin(person=user)
        return "Scan the picture, then confirm with the first code."
    if not form.is_valid():
        return ""
    reauthentication.require_password(actor=user, password=form.cleaned_data["password"], http_request=request)
    if second_factor.device_of(user) is None:
        second_factor.confirm(person=user, code=form.cleaned_data["code"])
        return "One-time codes are set up."
    second_factor.accept(person=user, code=form.cleaned_data["code"])
    second_factor.remove(person=user, by=user)
    return "One-time codes are removed."
