"""The root of the API: who a token acts for, and every problem as a JSON document with a sentence (RFC 9457).

Apps add their routers. There is no session here, so that no other site can act through a browser that is signed in.
"""

from __future__ import annotations

from http import HTTPStatus

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer

from portal import access_tokens
from portal.access_tokens import NotIdentified, TooManyTries
from portal.errors import BadInput, DomainError, NotPermitted, Unavailable
from portal.models import AccessToken
from portal.problems import NOT_FOUND, problem, too_much

NO_TOKEN = "Send a token: “Authorization: Bearer …”. Make one under “Access tokens” in the portal."  # noqa: S105


class TokenAuth(HttpBearer):
    """A token in the header, as RFC 6750 has it; nothing else counts."""

    def __call__(self, request: HttpRequest) -> AccessToken:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise NotIdentified(NO_TOKEN)
        return self.authenticate(request, secret.strip())

    def authenticate(self, request: HttpRequest, token: str) -> AccessToken:
        """The token that was sent."""
        return access_tokens.identified(token, address=str(request.META.get("REMOTE_ADDR", "")))


api = NinjaAPI(
    title="Model Approval Portal",
    version="1",
    description="Deliver batches and outcomes of deployed models, and read what the monitors say.",
    auth=TokenAuth(),
    urls_namespace="api",
    docs_url=None,
    openapi_url=None,
)


def token_of(request: HttpRequest) -> AccessToken:
    """The token that a request was sent with."""
    token = getattr(request, "auth", None)
    if not isinstance(token, AccessToken):
        raise NotIdentified(NO_TOKEN)
    return token


@require_safe
def schema(_request: HttpRequest) -> HttpResponse:
    """The OpenAPI description of every address, for people who are signed in."""
    return JsonResponse(api.get_openapi_schema(path_prefix="/api/v1/"))


def status_of(error: DomainError) -> int:
    """The HTTP status that goes with a refusal."""
    for kind, status in (
        (NotIdentified, HTTPStatus.UNAUTHORIZED),
        (TooManyTries, HTTPStatus.TOO_MANY_REQUESTS),
        (NotPermitted, HTTPStatus.FORBIDDEN),
        (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
        (BadInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    ):
        if isinstance(error, kind):
            return int(status)
    return int(HTTPStatus.CONFLICT)


@api.exception_handler(DomainError)
def _refused(_request: HttpRequest, error: DomainError) -> HttpResponse:
    extra = {"field": error.field} if isinstance(error, BadInput) and error.field else {}
    answer = problem(status_of(error), error.sentence, code=error.code, **extra)
    if isinstance(error, NotIdentified):
        answer["WWW-Authenticate"] = 'Bearer realm="Model Approval Portal"'
    if isinstance(error, TooManyTries):
        answer["Retry-After"] = str(int(access_tokens.PAUSE.total_seconds()))
    return answer


@api.exception_handler(AuthenticationError)
def _not_identified(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return _refused(request, NotIdentified(NO_TOKEN))


@api.exception_handler(Http404)
def _not_found(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return problem(404, NOT_FOUND, code="not-found")


@api.exception_handler(ValidationError)
def _not_understood(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = [(str(item["loc"][-1]), str(item["msg"])) for item in error.errors]
    sentence = " ".join(f"{name}: {message}." for name, message in found)
    return problem(422, sentence, code="bad-input", field=found[0][0] if found else None)


@api.exception_handler(HttpError)
def _not_readable(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, "The portal could not read what was sent.", code="not-understood")


@api.exception_handler(RequestDataTooBig)
@api.exception_handler(TooManyFieldsSent)
@api.exception_handler(TooManyFilesSent)
def _too_much(_request: HttpRequest, error: RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent) -> HttpResponse:
    return too_much(error)
