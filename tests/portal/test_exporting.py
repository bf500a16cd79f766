"""Extracts of the ledger: chosen, in the words of people, with proofs that one file without the portal checks."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from approvals import permissions, workflow
from approvals.models import ModelVersion
from approvals.stages import Role
from portal import ledger, merkle
from portal.models import LedgerEntry
from tests.cast import make_cast
from tests.furnished import furnished

BACKEND = "django.contrib.auth.backends.ModelBackend"
ALONE = Path(merkle.__file__)


@pytest.fixture
def cast(committed_database, own_var):
    cast = make_cast()
    furnished(cast)
    return cast


def alone(folder, path, vkey):
    """Run the copied file with nothing of the portal around it."""
    script = folder / "merkle.py"
    shutil.copy(ALONE, script)
    command = [sys.executable, "-I", "-S", str(script), str(path), vkey]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False)


@pytest.mark.both_engines
def test_an_extract_is_checked_without_the_portal_and_every_change_of_it_is_found(cast, tmp_path):
    path = tmp_path / "extract.jsonl"
    call_command("export_ledger", str(path), event="approvals.signoff")
    said = alone(tmp_path, path, ledger.vkey())
    assert said.returncode == 0, said.stderr + said.stdout
    assert said.stdout.startswith("The proof holds for ledger entries")
    head, *lines = path.read_text().splitlines()
    assert {json.loads(json.loads(line)["payload"])["event"] for line in lines} == {"approvals.signoff.signed"}
    for change in (
        lambda text: text.replace("Amara", "Amira"),
        lambda text: text.replace('"seq": ', '"seq": 1'),
        lambda text: text.replace(json.loads(head)["checkpoint"][:20], "another-portal/ledger"),
    ):
        path.write_text(change(path.read_text()))
        assert alone(tmp_path, path, ledger.vkey()).returncode == 1
        path.write_text("\n".join([head, *lines]) + "\n")
    assert alone(tmp_path, tmp_path / "merkle.py", ledger.vkey()).returncode == 2
    assert alone(tmp_path, path, "other+00000000+AAAA").returncode == 1


def test_the_export_is_recorded_and_overwrites_nothing(cast, tmp_path):
    path = tmp_path / "all.csv"
    call_command("export_ledger", str(path), form="csv")
    [entry] = LedgerEntry.objects.filter(event="portal.ledger.exported")
    assert json.loads(entry.payload)["facts"]["chosen"] == "all entries"
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_ledger", str(path), form="csv")
    with pytest.raises(CommandError, match="nothing to export"):
        call_command("export_ledger", str(tmp_path / "none"), person="Nobody")
    with pytest.raises(CommandError, match="is no day"):
        call_command("export_ledger", str(tmp_path / "none"), since="yesterday")
    assert not (tmp_path / "none").exists()


def test_an_auditor_exports_what_they_see_and_nothing_else(client, cast):
    other = cast.model("A model of others")
    permissions.revoke(actor=cast.superuser, codename=permissions.AUDIT, to=cast.auditor, model=other)
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get("/portal/ledgerentry/?event=approvals.signoff.signed").content.decode()
    assert 'href="/portal/ledgerentry/export/csv/?event=approvals.signoff.signed"' in html
    answer = client.get("/portal/ledgerentry/export/csv/")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert {row["scope"] for row in rows} == {f"approvals.registeredmodel:{other.pk - 1}"}
    signed = [row for row in rows if row["event"] == "approvals.signoff.signed"]
    assert [row["by"] for row in signed] == [cast.signers[Role.BUSINESS_ANALYST].get_full_name()]
    assert all(len(row["leaf_sha256"]) == 64 and row["proof"] for row in rows)
    entry = LedgerEntry.objects.filter(event="portal.ledger.exported").get()
    assert entry.actor_id == cast.auditor.pk
    assert client.get("/portal/ledgerentry/export/docx/").status_code == 404


def test_an_outsider_exports_nothing(client, cast):
    client.force_login(cast.outsider, backend=BACKEND)
    answer = client.get("/portal/ledgerentry/export/jsonl/", follow=True)
    assert "nothing to export" in answer.content.decode()
    assert not LedgerEntry.objects.filter(event="portal.ledger.exported").exists()


def test_a_cell_is_never_a_formula_for_a_spreadsheet(client, cast):
    version = ModelVersion.objects.get()
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason="=HYPERLINK(1) is my reason")
    client.force_login(cast.superuser, backend=BACKEND)
    text = b"".join(client.get("/portal/ledgerentry/export/csv/").streaming_content).decode()
    [row] = [row for row in csv.DictReader(io.StringIO(text)) if row["event"] == "approvals.version.withdrawn"]
    assert row["reason"] == "'=HYPERLINK(1) is my reason"
