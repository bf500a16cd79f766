"""How every page that acts works: GET shows a form, POST calls one use case and goes back, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from approvals import permissions
from approvals.admin.forms import ActForm
from approvals.models import ModelVersion
from portal.errors import DomainError, NotPermitted, Unavailable

CAME_FROM = "came_from"


@dataclass(frozen=True)
class Act:
    """What a page of an act shows and does."""

    title: str
    button: str
    run: Callable[[ActForm], Any]
    done: str
    intro: str = ""
    anchor: str = ""
    danger: bool = False
    template: str = "approvals/act.html"
    returns: bool = False
    """Go back to the page that the form was opened from, instead of the version page."""
    not_permitted: str = ""
    """Why this person may not; they are told at once, instead of after filling in the form."""
    extra: dict[str, Any] = field(default_factory=dict)


def person(request: HttpRequest) -> User:
    """Who is signed in; admin views let nobody else in."""
    return cast(User, request.user)


def version_for(request: HttpRequest, version_id: int) -> ModelVersion:
    """A version that this person may see; otherwise it does not exist."""
    version = (
        permissions.visible_versions(person(request))
        .select_related("model__owner", "policy", "submitted_by", "developer")
        .filter(pk=version_id)
        .first()
    )
    if version is None:
        raise Http404
    return version


def sent(request: HttpRequest) -> QueryDict | None:
    """What was sent, even if it is empty; None for a page that is only looked at."""
    return request.POST if request.method == "POST" else None


def status_of(error: DomainError | None) -> int:
    """The HTTP status that goes with a refusal."""
    if isinstance(error, NotPermitted):
        return 403
    return 503 if isinstance(error, Unavailable) else 200


def serve(request: HttpRequest, version: ModelVersion, act: Act, form: ActForm) -> HttpResponseBase:
    """Show the form, or act and go back to the version page, or to where the person came from if the act returns."""
    error: DomainError | None = None
    came_from = _came_from(request) if act.returns else ""
    back = came_from or f"{version.get_absolute_url()}{act.anchor}"
    acts = request.method == "POST" and form.is_valid()
    if act.not_permitted and not acts:
        return refused(request, version, act.not_permitted, title="Not permitted", status=403)
    if acts:
        try:
            act.run(form)
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, act.done)
            return HttpResponseRedirect(back)
    context = {
        **admin.site.each_context(request),
        "title": act.title,
        "version": version,
        "act": act,
        "form": form,
        "came_from": came_from,
        "back": back,
        **act.extra,
    }
    return render(request, act.template, context, status=status_of(error))


def _came_from(request: HttpRequest) -> str:
    """The page of this portal that led to the form, with what was chosen there; empty for any other.

    A browser tells it once, when the form is opened; the form brings it along.
    """
    told = request.POST.get(CAME_FROM, "") if request.method == "POST" else request.META.get("HTTP_REFERER", "")
    hosts, secure = {request.get_host()}, request.is_secure()
    if not told or not url_has_allowed_host_and_scheme(told, allowed_hosts=hosts, require_https=secure):
        return ""
    place = urlsplit(told)  # "//" would begin the name of another host
    if place.path[:2] in ("", "//") or place.path in (request.path, reverse("admin:login")):
        return ""
    return urlunsplit(("", "", place.path, place.query, ""))


def do(request: HttpRequest, version: ModelVersion, run: Callable[[], str], *, anchor: str = "") -> HttpResponse:
    """Act without a form (the button was on the version page) and go back with the outcome."""
    try:
        messages.success(request, run())
    except DomainError as error:
        messages.error(request, error.sentence)
        if isinstance(error, NotPermitted):
            return refused(request, version, error.sentence, title="Not permitted", status=403)
    return HttpResponseRedirect(f"{version.get_absolute_url()}{anchor}")


def refused(
    request: HttpRequest, version: ModelVersion, sentence: str, *, title: str = "Not possible now", status: int = 200
) -> HttpResponse:
    """Say why there is nothing to fill in here, with the way back."""
    context = {**admin.site.each_context(request), "title": title, "version": version, "sentence": sentence}
    return render(request, "approvals/refused.html", context, status=status)
