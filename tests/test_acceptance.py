"""Cases of the acceptance suite that belong to no single module: attacks on the whole, faults of machine and disk."""

import io
import os
import resource
import signal
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from approvals import checking, evidence, permissions, running, tasks
from approvals.models import CheckRun, Comment, Evidence, ModelVersion, RegisteredModel, SignOff, StoredFile
from approvals.models.checks import RunStatus
from approvals.stages import Role, Stage
from portal.auditing import verify
from portal.errors import Unavailable
from portal.models import LedgerEntry
from tests.cast import TABLE, make_cast, tiny_table

BACKEND = "django.contrib.auth.backends.ModelBackend"
CHECKED = {"scoping": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]}


@pytest.fixture
def version(cast):
    cast.publish({"scoping": [{"signoffs": {"role": "business_analyst"}}]})
    version = cast.version()
    cast.artifact(version)
    return version


def test_g9_no_form_and_no_made_up_address_moves_a_version(client, cast, version):
    client.force_login(cast.superuser, backend=BACKEND)
    page = version.get_absolute_url()
    for field in ("_fsm_transition_to", "_fsmtransition-stage-advance", "stage", "_save", "_saveasnew", "_addanother"):
        answer = client.post(page, {field: "monitoring", "stage": "monitoring", "number": "9"})
        assert answer.status_code in (403, 404, 405), field
    acts = ("approve", "monitoring", "request_changes", "reject", "publish", "delete", "fsm", "transition")
    folder = f"/approvals/modelversion/{version.pk}/"
    for act in acts:
        for url in (f"{folder}move/{act}/", f"{folder}{act}/"):
            assert client.get(url).status_code in (302, 403, 404), url
            assert client.post(url, {"reason": "Because I say so."}).status_code in (302, 403, 404, 405), url
    now = ModelVersion.objects.get()
    assert (now.stage, now.number) == (Stage.SCOPING, "1.0.0")


def test_g36_no_bulk_action_touches_a_governed_row(client, cast, version):
    client.force_login(cast.superuser, backend=BACKEND)
    counts = {}
    for model, page in admin.site._registry.items():
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        rows = list(model._default_manager.values_list("pk", flat=True))
        if not rows or model._meta.app_label == "auth":
            continue
        counts[model] = len(rows)
        given = {"action": "delete_selected", "_selected_action": rows, "select_across": "1", "post": "yes"}
        answer = client.post(reverse(f"admin:{label}_changelist"), given)
        assert answer.status_code in (200, 302, 403, 405), label
        assert "delete_selected" not in dict(page.get_action_choices(answer.wsgi_request)), label
    assert counts[ModelVersion] == 1
    for model, count in counts.items():
        assert model._default_manager.count() >= count


def test_g36_actions_on_people_reach_only_whom_one_may_change(client, cast):
    client.force_login(cast.auditor, backend=BACKEND)
    given = {"action": "lift_lock", "_selected_action": [cast.superuser.pk], "select_across": "1"}
    assert client.post(reverse("admin:auth_user_changelist"), given).status_code in (302, 403)
    assert not LedgerEntry.objects.filter(event__startswith="portal.account").exists()


def test_g37_fields_posted_to_read_only_pages_change_nothing(client, cast, version):
    cast.sign(version, Role.BUSINESS_ANALYST)
    client.force_login(cast.superuser, backend=BACKEND)
    other = cast.model("Another model")
    signed = SignOff.objects.get()
    pages = {
        version: {"model": other.pk, "submitted_by": cast.auditor.pk, "_saveasnew": "1"},
        signed: {"version": 99, "signer": cast.auditor.pk, "decision": "reject"},
        Evidence.objects.get(): {"version": 99, "kind": "training_table"},
        version.model: {"owner": cast.auditor.pk, "name": "Mine now"},
    }
    for row, given in pages.items():
        before = type(row).objects.filter(pk=row.pk).values().get()
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        assert client.post(url, {**given, "_popup": "1"}).status_code in (403, 404, 405), url
        assert type(row).objects.filter(pk=row.pk).values().get() == before
    assert SignOff.objects.count() == 1


def test_g38_there_are_no_pages_of_object_permissions(client, cast, version):
    client.force_login(cast.superuser, backend=BACKEND)
    for row in (version, version.model):
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        for page in ("permissions/", "permissions/user-manage/1/"):
            assert client.get(url.replace("change/", page)).status_code in (302, 404)
    with pytest.raises(NoReverseMatch):
        reverse("admin:approvals_registeredmodel_permissions", args=[version.model_id])


def test_g39_the_number_of_a_model_is_never_used_again(cast, version):
    with pytest.raises(DatabaseError), transaction.atomic():
        RegisteredModel.objects.filter(pk=version.model_id)._raw_delete("default")
    assert permissions.granted(cast.submitter, permissions.SUBMIT, version.model)
    assert cast.model("The next one").pk != version.model_id


@pytest.mark.both_engines
def test_g16_sixty_queued_runs_outlive_a_broker_that_forgets_everything(cast):
    cast.publish(CHECKED)
    model = cast.model()
    runs = []
    for number in range(60):
        version = cast.version(model, number=f"1.{number}")
        cast.artifact(version)
        cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
        runs.append(checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter).pk)
    later = timezone.now() + checking.HINT_AGAIN * 2
    assert sorted(checking.sweep(now=later)) == sorted(runs)
    assert checking.sweep(now=later) == ()
    result = checking.Result(verdict="passed", sentences=("Fine.",), reading={}, charts=[], engine={}, log="")
    for run in runs:
        token = checking.claim(run, now=later)
        assert checking.finish(run, token, result=result, now=later)
        assert checking.claim(run, now=later) is None
    assert set(CheckRun.objects.values_list("status", flat=True)) == {RunStatus.FINISHED}


def test_g19_forged_and_malformed_messages_do_nothing(cast, version):
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_SERIALIZER == "json"
    before = LedgerEntry.objects.count()
    for forged in (0, -1, 10**12):
        assert tasks.run_check(forged) is False
    with pytest.raises((TypeError, ValueError)):
        tasks.run_check("1; DROP TABLE approvals_signoff")  # type: ignore[arg-type]  # forged
    assert LedgerEntry.objects.count() == before


def test_g25_a_worker_of_another_release_refuses_politely(cast):
    cast.publish(CHECKED)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    CheckRun.objects.filter(pk=run.pk).update(check_version="99")
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert run.verdict == "error"
    assert "restart the workers" in run.sentences[0]
    assert running.execute(run.pk) is False
    unknown = {"check_key": "gone", "check_version": "1", "inputs": {}, "inputs_digest": "x", "thresholds_fixed": {}}
    strange = CheckRun.objects.create(version=version, seed=1, requested_at=timezone.now(), **unknown)
    assert running.execute(strange.pk)
    strange.refresh_from_db()
    assert strange.verdict == "error"


class Endless(io.BytesIO):
    """An upload that is larger than the disk."""

    def read(self, size: int | None = -1):
        """More."""
        return b"a,b\n1,2\n" * 20_000


def test_g22_a_full_volume_keeps_nothing_of_an_upload_and_the_next_one_works(cast, version, settings):
    settings.UPLOAD_LIMIT_BYTES = 50_000_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    folder = Path(settings.VAR) / "uploads"
    before = sorted(folder.rglob("*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(Unavailable, match="cannot store files"):
            evidence.attach(
                version_id=version.pk, actor=cast.submitter, kind="training_table", stream=Endless(), name="t.csv"
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert sorted(folder.rglob("*")) == before
    assert StoredFile.objects.count() == 1
    cast.attach(version, "training_table", b"a,b\n1,2\n", "t.csv")


def test_g22_a_full_database_signs_nothing_and_recovers(committed_database, own_var):
    cast = make_cast()
    cast.publish({"scoping": [{"signoffs": {"role": "business_analyst"}}]})
    version = cast.version()
    asked = cast.request(version, Role.BUSINESS_ANALYST, comment="x" * 200_000)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        full = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {full}")
    with pytest.raises((Unavailable, DatabaseError)):
        cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA max_page_count = {2**30}")
    assert not SignOff.objects.exists()
    assert verify().ok
    cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
    assert verify().ok


WRITER = """
import os, sys
import django
django.setup()
from django.conf import settings
from django.db import connection, transaction
connection.settings_dict.update(NAME=sys.argv[1])
from django.contrib.auth.models import User
from approvals import workflow
user = User.objects.get(username="submitter")
number = 0
while True:
    row = workflow.comment(version_id=int(sys.argv[2]), actor=user, text=f"{sys.argv[3]} {number}")
    print(row.pk, flush=True)
    number += 1
"""


@pytest.mark.both_engines
def test_g23_what_was_acknowledged_before_a_kill_is_there_and_the_ledger_verifies(committed_database, own_var):
    cast = make_cast()
    cast.publish()
    version = cast.version()
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PORTAL_VAR": str(own_var)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), name, str(version.pk), uuid.uuid4().hex],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        for _ in range(3)
    ]
    acknowledged = set()
    for writer in writers:
        acknowledged |= {int(writer.stdout.readline()) for _ in range(5)}
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        rest = writer.stdout.read().split(b"\n")
        acknowledged |= {int(line) for line in rest[:-1] if line.isdigit()}
        writer.wait()
        writer.stdout.close()
    assert len(acknowledged) >= 15
    assert acknowledged <= set(Comment.objects.values_list("pk", flat=True))
    report = verify()
    assert report.ok, report.sentences
    cast.artifact(version)
    assert verify().ok
