"""Pages for what went wrong before or behind a view: in words, in the portal's look, naming nothing unknown."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What does not exist and what one may not see look the same."""
    del exception
    return _page(request, 404, "Not found", "There is nothing at this address, or nothing that you may see.")


def not_permitted(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A right is missing."""
    del exception
    return _page(request, 403, "Not permitted", "You have no right to do this. An administrator grants rights.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The browser, or whoever plays one, sent something that no page of ours sends."""
    del exception
    return _page(request, 400, "Not understood", "The portal could not read what was sent. Nothing was changed.")


def form_is_stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form carries no valid token: signed in anew meanwhile, cookies off, or sent from a foreign page."""
    del reason
    sentence = (
        "This form belongs to an earlier session, so nothing was changed. Go back, copy what you typed, "
        "load the page again and send it once more."
    )
    return _page(request, 403, "The form is too old", sentence)


def broken(_request: HttpRequest) -> HttpResponse:
    """An error of ours. Asks nothing of the database, which may be what broke."""
    return HttpResponse(render_to_string("portal/broken.html"), status=500)


def _page(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    known = admin.site.each_context(request) if hasattr(request, "user") else {}
    return render(request, "portal/trouble.html", {**known, "title": title, "sentence": sentence}, status=status)
