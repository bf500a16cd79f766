"""The API: nobody without a token, nobody beyond their rights or the token's scope, and each act the same use case."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals.models import StoredFile
from monitoring import records, running
from monitoring.models import Batch, OutcomeDelivery, Reading
from portal import access_tokens
from portal.models import AccessToken, LedgerEntry
from tests.monitoring.deliveries import WAITING, as_csv, match, rows_of, unlabelled
from tests.monitoring.deployed_once import cast, version
from tests.monitoring.measuring import read_here

__all__ = ["cast", "version"]

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROWS = rows_of("a")


@pytest.fixture
def plan():
    return {"monitors": WAITING}


@pytest.fixture
def browser():
    """A client that sends no form token, as programs do."""
    return Client(enforce_csrf_checks=True)


def token_for(user, *acts, models=()):
    _, secret = access_tokens.issue(
        owner=user,
        name="Job",
        acts=acts or ("read", "deliver"),
        model_ids=models,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return {"Authorization": f"Bearer {secret}"}


def batch_form(content=None, **changes):
    file = SimpleUploadedFile("september.csv", unlabelled(ROWS) if content is None else content)
    return {"file": file, "name": "September", "window_start": "2026-09-01", "window_end": "2026-09-30", **changes}


def outcomes_form(content=None, **changes):
    file = SimpleUploadedFile("outcomes.csv", as_csv(ROWS, "id", "y_true") if content is None else content)
    return {"file": file, **changes}


def address(version, what=""):
    return f"/api/v1/versions/{version.pk}{what}"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer nonsense"}])
def test_without_a_token_nothing_answers_and_a_session_is_none(browser, cast, version, header):
    browser.force_login(cast.submitter, backend=BACKEND)
    for answer in (
        browser.get("/api/v1/versions", headers=header),
        browser.get(address(version), headers=header),
        browser.post(address(version, "/batches"), batch_form(), headers=header),
    ):
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["detail"].endswith(("portal.", "whole."))
    assert not Batch.objects.exists()


def test_who_lost_the_account_is_out_at_once(browser, cast, version):
    header = token_for(cast.submitter)
    assert browser.get(address(version), headers=header).status_code == 200
    cast.submitter.is_active = False
    cast.submitter.save()
    assert browser.get(address(version), headers=header).status_code == 401


def test_what_one_may_not_see_does_not_exist(browser, cast, version):
    for header in (token_for(cast.outsider), token_for(cast.submitter, models=[cast.model("Another").pk])):
        for path in ("", "/monitors", "/batches", "/outcomes", "/readings"):
            assert browser.get(address(version, path), headers=header).status_code == 404
        assert browser.post(address(version, "/batches"), batch_form(), headers=header).status_code == 404
        assert browser.get("/api/v1/versions", headers=header).json() == []
    header = token_for(cast.submitter)
    browser.post(address(version, "/batches"), batch_form(), headers=header)
    reading = Reading.objects.earliest("pk")
    assert browser.get(f"/api/v1/readings/{reading.pk}", headers=header).status_code == 200
    assert browser.get(f"/api/v1/readings/{reading.pk}", headers=token_for(cast.outsider)).status_code == 404
    assert browser.get("/api/v1/readings/99999999999999999999", headers=header).status_code in (404, 422)
    answer = browser.get(address(version, "/readings?monitor=a%00b"), headers=header)
    assert (answer.status_code, answer.json()["field"]) == (422, "monitor")


def test_rights_are_the_persons_and_the_acts_the_tokens_and_refusals_are_recorded(browser, cast, version):
    auditor = browser.post(address(version, "/batches"), batch_form(), headers=token_for(cast.auditor))
    reader = browser.post(address(version, "/batches"), batch_form(), headers=token_for(cast.submitter, "read"))
    sender = token_for(cast.submitter, "deliver")
    assert "Only a submitter" in auditor.json()["detail"]
    assert "may not: deliver" in reader.json()["detail"]
    assert {auditor.status_code, reader.status_code} == {403}
    assert browser.get(address(version, "/batches"), headers=sender).status_code == 403
    assert browser.get("/api/v1/versions", headers=sender).status_code == 403
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("form", "status", "why"),
    [
        (batch_form(b""), 422, "empty"),
        (batch_form(b"id\n1\n"), 422, "no column"),
        (batch_form(window_end="2026-08-01"), 422, "before the first"),
        (batch_form(window_start="yesterday"), 422, "window_start"),
        (batch_form(window_start="0206-09-01"), 422, "20 years ago"),
        ({"window_start": "2026-09-01", "window_end": "2026-09-30"}, 422, "file"),
        (batch_form(name="a\x00b"), 422, "cannot be kept"),
    ],
)
def test_bad_input_is_a_sentence_and_nothing_is_kept(browser, cast, version, form, status, why):
    before = StoredFile.objects.count()
    answer = browser.post(address(version, "/batches"), form, headers=token_for(cast.submitter))
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert why in answer.json()["detail"]
    assert answer.json()["field"] in {"file", "window_start", "window_end", "name"}, "one that was sent"
    assert (Batch.objects.count(), StoredFile.objects.count()) == (0, before)


def test_a_batch_and_its_outcomes_are_delivered_read_and_delivered_again_without_harm(browser, cast, version):
    header = token_for(cast.submitter)

    def send(path, form):
        return browser.post(address(version, path), form, headers=header)

    def get(path):
        return browser.get(address(version, path), headers=header).json()

    made, again = send("/batches", batch_form()), send("/batches", batch_form(name="Again"))
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    other = send("/batches", batch_form(window_start="2026-09-02"))
    assert (other.status_code, other.json()["code"]) == (409, "known-batch")
    made, again = send("/outcomes", outcomes_form()), send("/outcomes", outcomes_form())
    assert (made.status_code, again.status_code) == (201, 200)
    keyless = send("/outcomes", outcomes_form(b"other,y_true\n1,1\n"))
    assert (keyless.status_code, keyless.json()["field"]) == (422, "file")
    wrong = send("/outcomes", outcomes_form(corrects="true"))
    assert (wrong.status_code, wrong.json()["field"]) == (422, "description")
    assert send("/outcomes", outcomes_form(corrects="true", description="The codes were wrong.")).status_code == 201
    for delivery in OutcomeDelivery.objects.order_by("pk"):
        match(delivery)
    assert {one["verdict"] for one in get("/outcomes")} == {"in_use"}
    for row in Reading.objects.filter(monitor__key="performance"):
        running.execute(row.pk)
    found = get("/readings?monitor=performance")
    assert [one["verdict"] for one in found] == ["ok", "ok", "no_labels"]
    assert [one["id"] for one in get(f"/readings?monitor=performance&before={found[0]['id']}&limit=1")] == [
        found[1]["id"]
    ]
    assert len(found[0]["outcomes"]) == 2
    reading = browser.get(f"/api/v1/readings/{found[0]['id']}", headers=header).json()
    assert any(measure["name"] == "ROC AUC" for measure in reading["numbers"]["measures"])
    assert len(get("/batches")) == 1
    assert [(one["key"], one["alarm"]) for one in get("/monitors")] == [
        ("performance", "within limits"),
        ("score_drift", None),
    ]
    assert (get("")["stage"], get("")["alarm"]) == ("monitoring", None), "one of two was never read"
    read_here(Reading.objects.get(monitor__key="score_drift"))
    assert get("")["alarm"] == "within limits"
    (listed,) = browser.get("/api/v1/versions", headers=header).json()
    assert listed == get("")


def test_the_ledger_the_record_and_the_pages_name_the_token_and_never_its_secret(browser, client, cast, version):
    header, token = token_for(cast.submitter), AccessToken.objects.get()
    secret = header["Authorization"].removeprefix("Bearer ")
    browser.post(address(version, "/batches"), batch_form(), headers=header)
    browser.post(address(version, "/outcomes"), outcomes_form(), headers=header)
    assert browser.post(address(version, "/batches"), batch_form(b""), headers=header).status_code == 422
    entries = LedgerEntry.objects.filter(event__in=("monitoring.batch.received", "monitoring.outcomes.received"))
    for payload in map(json.loads, entries.values_list("payload", flat=True)):
        assert payload["authentication"] == f"access token {token.prefix}"
        assert (payload["facts"]["token"], payload["facts"]["token_name"]) == (token.prefix, "Job")
        assert payload["actor"]["id"] == cast.submitter.pk
    assert entries.count() == 2
    record = records.document(version, since=timezone.now() - timedelta(days=400), now=timezone.now())
    assert record["batches"][0]["token"] == f"Job ({token.prefix}…)"
    assert secret not in json.dumps(record) + "".join(LedgerEntry.objects.values_list("payload", flat=True))
    client.force_login(cast.auditor, backend=BACKEND)
    for row in (Batch.objects.get(), OutcomeDelivery.objects.get()):
        page = client.get(reverse(f"admin:monitoring_{row._meta.model_name}_change", args=[row.pk]))
        assert f"by the access token Job ({token.prefix}…)" in page.content.decode()


def test_the_description_is_for_people_who_are_signed_in(client, cast):
    assert client.get("/api/openapi.json").status_code == 302
    client.force_login(cast.outsider, backend=BACKEND)
    found = client.get("/api/openapi.json").json()
    assert set(found["paths"]["/api/v1/versions/{version_id}/batches"]) == {"get", "post"}
    assert client.get("/api/v1/docs").status_code == 404
    assert client.get("/api/v1/openapi.json").status_code == 404
    assert SimpleNamespace(**found["components"]["securitySchemes"]["TokenAuth"]).scheme == "bearer"
