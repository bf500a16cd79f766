"""What people see after too many wrong passwords, at sign-in and where a password is asked again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

STATUS = 429


def respond(request: HttpRequest, answer: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """The page that a signed-in person was about to get, which says it in its place; else a page of its own."""
    del credentials  # names nobody: whether an account exists is not told
    if answer is not None and request.user.is_authenticated:
        answer.status_code = STATUS
        return answer
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    context = {
        **admin.site.each_context(request),
        "title": "Sign-in is locked for a while",
        "minutes": minutes,
        "tries": settings.AXES_FAILURE_LIMIT,
    }
    return render(request, "portal/locked.html", context, status=STATUS)
