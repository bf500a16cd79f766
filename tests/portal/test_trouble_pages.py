"""What people see when an address, a right, a form or the portal itself fails: words and a way on, no bare page."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from portal.urls import handler400, handler403, handler404, handler500, urlpatterns

BACKEND = "django.contrib.auth.backends.ModelBackend"
__all__ = ["handler400", "handler403", "handler404", "handler500"]


def breaks(_request: HttpRequest) -> HttpResponse:
    """A fault of ours."""
    raise RuntimeError("the secret reason")


def reads_nonsense(request: HttpRequest) -> HttpResponse:
    """What Django answers to a request that lies about its host."""
    return HttpResponse(request.get_host())


urlpatterns = [path("breaks", breaks), path("host", reads_nonsense), *urlpatterns]


@pytest.mark.parametrize("address", ["/approvals/modelversion/999/change/", "/nowhere/", "/approvals/policy/add/"])
def test_what_is_not_there_is_said_in_the_portals_look(client, cast, address):
    client.force_login(cast.outsider, backend=BACKEND)
    answer = client.get(address)
    html = answer.content.decode()
    assert answer.status_code in (403, 404)
    assert "portal.css" in html
    assert "To the front page" in html


def test_a_form_of_an_earlier_session_is_refused_in_words(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.submitter, backend=BACKEND)
    answer = client.post("/portal/notification/mark-read/", {})
    assert answer.status_code == 403
    assert "belongs to an earlier session" in answer.content.decode()


@pytest.mark.urls("tests.portal.test_trouble_pages")
def test_a_fault_of_ours_is_admitted_and_tells_nobody_why(client, cast):
    client.raise_request_exception = False
    client.force_login(cast.submitter, backend=BACKEND)
    answer = client.get("/breaks")
    assert answer.status_code == 500
    assert "The fault is ours" in answer.content.decode()
    assert "secret reason" not in answer.content.decode()


@pytest.mark.urls("tests.portal.test_trouble_pages")
def test_a_request_that_lies_about_its_host_is_not_understood(client, cast):
    answer = client.get("/host", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()
