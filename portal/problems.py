"""Problems for programs as JSON documents with a sentence (RFC 9457), whoever answered; never a page, never a cause."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
NOT_FOUND = "There is nothing at this address, or nothing that you may see."
BROKEN = "The portal failed, and the fault is ours. Ask whether anything was kept, and tell an administrator."
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: ("not-understood", "The portal could not read what was sent. Nothing was changed."),
    HTTPStatus.FORBIDDEN: ("not-permitted", "You have no right to do this, or sent it from a page of another session."),
    HTTPStatus.NOT_FOUND: ("not-found", NOT_FOUND),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too-large", "More was sent than the portal takes. Nothing was changed."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("broken", BROKEN),
}


def problem(status: int, sentence: str, *, code: str, **extra: Any) -> HttpResponse:
    """A problem document."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return JsonResponse({**said, "code": code, **extra}, status=status, content_type=MEDIA_TYPE)


def too_much(error: RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent) -> HttpResponse:
    """What a request with more beside its file than a form of ours holds is answered."""
    if isinstance(error, RequestDataTooBig):
        most = f"{(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) / 1_000_000:.1f} MB"
        return problem(413, f"Beside its file a call may hold at most {most}. Nothing was changed.", code="too-large")
    return problem(400, "The call has more fields or files than any form here. Nothing was changed.", code="too-many")


@csrf_exempt
def unknown(_request: HttpRequest) -> HttpResponse:
    """There is no such address, whoever asks and however."""
    return problem(404, NOT_FOUND, code="not-found")


class ProblemDocuments:
    """Makes a document of every error below PREFIX that another layer answered in its own way; keeps its headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, or its document."""
        answer = self._get_response(request)
        if not request.path_info.startswith(PREFIX) or answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        if answer.headers.get("Content-Type", "").startswith(MEDIA_TYPE) or not isinstance(answer, HttpResponse):
            return answer
        made = _document(answer)
        answer.content = made.content
        answer.headers["Content-Type"] = MEDIA_TYPE
        if "Content-Length" in answer.headers:
            answer.headers["Content-Length"] = str(len(made.content))
        return answer


def _document(answer: HttpResponse) -> HttpResponse:
    status = HTTPStatus(answer.status_code)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = answer.headers.get("Allow", "")
        return problem(status, f"This address answers {allowed or 'other methods'} only.", code="method-not-allowed")
    code, sentence = _SENTENCES.get(status, ("refused", f"The portal refused this: {status.phrase.lower()}."))
    return problem(status, sentence, code=code)
