"""What programs are told below /api/, whoever answers: a problem document with a sentence, never a page or a cause."""

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone

from portal import access_tokens
from portal.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def breaks(_request: HttpRequest) -> HttpResponse:
    """A fault of ours."""
    raise RuntimeError("the secret reason")


def takes_a_form(request: HttpRequest) -> HttpResponse:
    """A view that is guarded by the form token, as none of the API's is."""
    return HttpResponse(request.POST.get("x", ""))


urlpatterns = [path("api/breaks", breaks), path("api/form", takes_a_form), *urlpatterns]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.portal.test_problems")]


@pytest.fixture
def browser():
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def header(cast):
    end = timezone.now() + timedelta(days=1)
    _, secret = access_tokens.issue(
        owner=cast.submitter, name="Job", acts=("read", "deliver"), model_ids=(), expires_at=end
    )
    return {"Authorization": f"Bearer {secret}"}


def is_problem(answer, status):
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content[:300]
    said = json.loads(answer.content)
    assert (said["status"], said["type"]) == (status, "about:blank")
    assert said["detail"]
    assert said["code"]
    assert "<" not in said["detail"]
    assert "secret reason" not in answer.content.decode()
    assert int(answer.get("Content-Length", len(answer.content))) == len(answer.content)
    return said


def test_an_address_that_does_not_exist_is_said_to_programs_signed_in_or_not(browser, header):
    headers: dict[str, str]
    for address in ("/api/", "/api/v1", "/api/v1/", "/api/v2/versions", "/api/v1/versions/x", "/api/v1/versions/"):
        for headers in ({}, header):
            for send in (browser.get, browser.post, browser.delete):
                assert is_problem(send(address, headers=headers), 404)["code"] == "not-found"


def test_a_method_that_an_address_does_not_have(browser, header):
    for send, address in (
        (browser.put, "/api/v1/versions"),
        (browser.post, "/api/v1/versions"),
        (browser.delete, "/api/v1/versions/1/batches"),
        (browser.get, "/api/v1/versions/1/batches/by-time"),
    ):
        answer = send(address, headers=header)
        said = is_problem(answer, 405)
        assert answer["Allow"]
        assert said["detail"] == f"This address answers {answer['Allow']} only."


def test_a_host_that_is_not_ours(browser):
    assert "evil" not in is_problem(browser.get("/api/v1/versions", headers={"host": "evil.example"}), 400)["detail"]


def test_more_than_a_form_holds_is_too_large_or_too_much(browser, header):
    address = "/api/v1/versions/1/outcomes"
    file = SimpleUploadedFile("o.csv", b"id,y\n1,0\n")
    large = browser.post(address, {"file": file, "description": "x" * 1_100_000}, headers=header)
    assert "at most 1.0 MB" in is_problem(large, 413)["detail"]
    many = browser.post(address, {f"f{number}": "1" for number in range(1_100)}, headers=header)
    is_problem(many, 400)
    body = "x=" + "y" * 1_100_000
    is_problem(browser.post(address, body, content_type="application/x-www-form-urlencoded", headers=header), 413)


def test_a_form_that_cannot_be_read(browser, header):
    broken = browser.post(
        "/api/v1/versions/1/outcomes", b"--", content_type="multipart/form-data; boundary=\u00e9", headers=header
    )
    is_problem(broken, 400)


def test_a_request_without_the_form_token_where_one_is_needed(browser):
    is_problem(browser.post("/api/form", {"x": "1"}), 403)


def test_a_fault_of_ours_says_nothing_of_its_cause(browser, header, monkeypatch):
    assert is_problem(browser.get("/api/breaks"), 500)["code"] == "broken"

    def fails(*_, **__):
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("monitoring.api._visible", fails)
    assert is_problem(browser.get("/api/v1/versions", headers=header), 500)["code"] == "broken"


def test_people_get_pages_all_the_same(client):
    answer = client.get("/nowhere/", follow=True)
    assert answer["Content-Type"].startswith("text/html")
