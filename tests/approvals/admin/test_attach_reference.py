"""The page that attaches evidence where tables may be referred to, and the pages that say where a table lies."""

import json

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from approvals import checking, evidence, running
from approvals.models import Evidence
from portal.table_places import TablePlace
from tests.cast import TABLE, tiny_table

BACKEND = "django.contrib.auth.backends.ModelBackend"
COLUMNS = {name: ", ".join(value) if isinstance(value, list) else value for name, value in TABLE.items()}
GATES = {"validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]}


@pytest.fixture
def version(cast, tmp_path, settings):
    root = tmp_path / "lake"
    root.mkdir()
    (root / "part.csv").write_bytes(tiny_table())
    settings.TABLE_FOLDERS = {"lake": TablePlace(str(root), groups=("lake readers",))}
    settings.TABLE_CONNECTIONS = {}
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    return version


@pytest.fixture
def url(version):
    return reverse("admin:approvals_modelversion_attach", args=[version.pk, "evaluation_table"])


@pytest.fixture
def reader(cast, client):
    cast.submitter.groups.add(Group.objects.create(name="lake readers"))
    client.force_login(cast.submitter, backend=BACKEND)
    return cast.submitter


def test_whoever_may_refer_to_nothing_is_not_asked_and_cannot(client, cast, url):
    client.force_login(cast.submitter, backend=BACKEND)
    assert "refer to a table" not in client.get(url).content.decode()
    answer = client.post(url, {"place": "folder:lake", "table": "part.csv", **COLUMNS})
    assert answer.status_code == 200
    assert not Evidence.objects.filter(kind="evaluation_table").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "one of both"),
        ({"place": "folder:lake"}, "Say which table is meant"),
        ({"place": "folder:pond", "table": "part.csv"}, "Select a valid choice"),
        ({"place": "folder:lake", "table": "../part.csv"}, "“.” or “..”"),
        ({"place": "folder:lake", "table": "none.csv"}, "has no CSV or Parquet file"),
        ({"place": "folder:lake", "table": "part.csv", "file": True}, "one of both"),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field(client, reader, url, given, why):
    if given.get("file"):
        given = {**given, "file": SimpleUploadedFile("evaluation.csv", tiny_table())}
    answer = client.post(url, {**given, **COLUMNS})
    assert (answer.status_code, why in answer.content.decode()) == (200, True)
    assert not Evidence.objects.filter(kind="evaluation_table").exists()


def test_a_table_is_referred_to_and_every_page_says_so(client, cast, reader, version, url):
    assert "takes about a second for each gigabyte" in client.get(url).content.decode().replace("\n", " ")
    assert client.post(url, {"place": "folder:lake", "table": "part.csv", **COLUMNS}).status_code == 302
    row = evidence.current(version, "evaluation_table")
    assert "Referred to" in client.get(version.get_absolute_url()).content.decode()
    page = client.get(reverse("admin:approvals_evidence_change", args=[row.pk])).content.decode()
    digest = json.loads(row.file.path.read_bytes())["files"][0]["sha256"]
    assert "1 file of the folder “lake”" in page
    assert digest in page
    assert "Download the reference" in page
    answer = client.get(reverse("admin:approvals_evidence_download", args=[row.pk]))
    assert 'filename="lake part.csv.reference.json"' in answer["Content-Disposition"]
    assert b"".join(answer.streaming_content).startswith(b'{\n "table_reference": 1')
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(run.pk)
    page = client.get(reverse("admin:approvals_checkrun_change", args=[run.pk])).content.decode()
    assert "refers to 1 file of the folder “lake”" in page
    assert "is referred to, not uploaded" in page


def test_an_upload_works_as_before(client, reader, version, url):
    table = SimpleUploadedFile("evaluation.csv", tiny_table())
    assert client.post(url, {"file": table, **COLUMNS}).status_code == 302
    assert evidence.current(version, "evaluation_table").media_type == "text/csv"
