"""Records and models in the admin: found by those who see the model, downloads recorded, rights granted by others."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from approvals import case, checking, permissions, running
from approvals.admin.run_comparison import compared
from approvals.measures.values import between
from approvals.models import Evidence, ModelVersion, RegisteredModel, SignOff
from approvals.policy_document import parse
from approvals.stages import Role
from modelcards import printing
from modelcards.content import measured
from portal.models import LedgerEntry
from tests.cast import TABLE, TIER_ANSWERS, person, tiny_safetensors, tiny_table

BACKEND = "django.contrib.auth.backends.ModelBackend"
GATES = {
    "scoping": [
        {"evidence": {"kind": "artifact"}},
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}},
        {"signoffs": {"role": "business_analyst"}},
    ]
}


def at(name, *args):
    return reverse(f"admin:approvals_{name}", args=args)


@pytest.fixture
def version(cast):
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(run.pk)
    cast.sign(version, Role.BUSINESS_ANALYST)
    return version


def test_evidence_is_downloaded_by_those_who_see_the_model_and_recorded(client, cast, version):
    piece = Evidence.objects.get(kind="artifact")
    url = at("evidence_download", piece.pk)
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(url).status_code == 404
    assert client.get(at("evidence_change", piece.pk)).status_code == 404
    client.force_login(cast.auditor, backend=BACKEND)
    answer = client.get(url)
    assert b"".join(answer.streaming_content) == tiny_safetensors()
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert LedgerEntry.objects.get(event="approvals.evidence.viewed").actor_id == cast.auditor.pk


def test_bytes_that_changed_in_the_store_are_not_handed_out(client, cast, version):
    piece = Evidence.objects.get(kind="evaluation_table")
    piece.file.path.write_bytes(b"changed")
    client.force_login(cast.auditor, backend=BACKEND)
    answer = client.get(at("evidence_download", piece.pk))
    assert answer.status_code == 503
    assert "no longer has the digest" in answer.content.decode()


def test_a_run_shows_numbers_with_intervals_beside_thresholds(client, cast, version):
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get(at("checkrun_change", version.check_runs.get().pk)).content.decode()
    assert html.count("balanced accuracy</th>") == 1
    assert "Labels and predictions</h2>" in html
    assert "Measures</h2>" not in html
    change = "What would change the verdict"
    for text in ("accuracy", "Min accuracy", "<svg", "ROC AUC", "Petra Second", change, "wrong predictions among"):
        assert text in html
    assert "Run again" not in html


def test_a_run_on_other_inputs_is_shown_beside_the_run_before(client, cast, version):
    first = version.check_runs.get()
    rows = tiny_table().decode().splitlines()
    changed = [rows[0], *(row.replace(",1,", ",0,", 1) if place < 3 else row for place, row in enumerate(rows[1:]))]
    cast.attach(version, "evaluation_table", "\n".join(changed).encode() + b"\n", "evaluation.csv", **TABLE)
    again = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(again.pk)
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get(at("checkrun_change", again.pk)).content.decode()
    assert "Before and after" in html
    assert f"Run {first.pk} of" in html
    assert "Before and after" not in client.get(at("checkrun_change", first.pk)).content.decode()


def test_what_a_mitigation_changed_is_set_beside_what_failed():
    def reading(ratio, rates, failed):
        rows = [
            {"group": group, "n": 50, "unknown": group == "Unknown", "numbers": [{"value": rate, "n": 50}]}
            for group, rate in rates.items()
        ]
        return {
            "measures": [{"name": "ratio", "value": ratio, "low": ratio - 0.1, "high": ratio + 0.1}, {"name": "rows"}],
            "failed_measures": [{"name": "ratio"}] if failed else [],
            "details": {"groups": [{"attributes": ["age"], "columns": ["Selection rate"], "rows": rows}]},
        }

    before = reading(0.66, {"young": 0.4, "old": 0.6, "Unknown": 0.1}, failed=True)
    found = compared(before, reading(0.9, {"young": 0.54, "old": 0.6, "Unknown": 0.2}, failed=False))
    [ratio] = found.measures
    assert (ratio["before"], ratio["after"]) == ("0.660 (0.560 to 0.760)", "0.900 (0.800 to 1.000)")
    assert (ratio["change"], ratio["failed"], ratio["fails"]) == ("+0.240", True, False)
    young = found.groups[0]
    assert (young["name"], young["change"], young["n"]) == ("Selection rate of young", "+0.140", "50 and 50")
    assert [row["name"] for row in found.groups] == ["Selection rate of young", "Selection rate of old"]
    lost = compared(before, {"measures": [{"name": "ratio", "value": None, "reason": "Not computable: x."}]})
    assert (lost.measures[0]["after"], lost.measures[0]["change"], lost.groups) == ("not computable", "", ())


def test_a_sign_off_says_whether_it_counts_and_what_has_changed(client, cast, version):
    url = at("signoff_change", SignOff.objects.get().pk)
    client.force_login(cast.auditor, backend=BACKEND)
    assert "No longer counts" not in client.get(url).content.decode()
    cast.artifact(version, seed=2)
    html = client.get(url).content.decode()
    assert "No longer counts" in html
    assert "What has changed since" in html


def test_nobody_grants_themselves_and_only_administrators_grant(client, cast, version):
    model = version.model
    url = at("registeredmodel_grant", model.pk)
    form = {"codename": "audit_model", "person": cast.outsider.pk}
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.post(url, form).status_code == 404
    client.force_login(cast.owner, backend=BACKEND)
    assert client.post(url, form).status_code == 403
    client.force_login(cast.superuser, backend=BACKEND)
    own = client.post(url, {"codename": "audit_model", "person": cast.superuser.pk})
    assert own.status_code == 403
    assert "Nobody changes their own rights" in own.content.decode()
    nobody = client.post(url, {"codename": "audit_model"})
    assert "Choose a person or a group." in nobody.content.decode()
    assert client.post(url, form).status_code == 302
    assert permissions.may_audit(cast.outsider, model)
    gone = {"codename": "audit_model", "kind": "person", "pk": cast.outsider.pk}
    assert client.post(at("registeredmodel_revoke", model.pk), gone).status_code == 302
    assert not permissions.may_audit(cast.outsider, model)


def test_who_only_administers_rights_sees_names_and_rights_and_no_version(client, cast, version):
    clerk = person("clerk", "Clara Clerk")
    clerk.user_permissions.add(Permission.objects.get(codename="change_registeredmodel"))
    client.force_login(clerk, backend=BACKEND)
    assert "1.0.0" not in client.get(at("registeredmodel_changelist")).content.decode()
    assert version.model.name in client.get(at("registeredmodel_rights")).content.decode()
    page = client.get(at("registeredmodel_change", version.model_id)).content.decode()
    assert "Sign off as business analyst" in page
    assert "1.0.0" not in page
    assert client.get(version.get_absolute_url()).status_code == 404


def test_registration_by_form_keeps_what_was_typed_and_refuses_without_the_right(client, cast):
    cast.publish()
    client.force_login(cast.outsider, backend=BACKEND)
    given = {
        "name": "<b>Triage</b>",
        "purpose": "Sorts patients.",
        "owner": cast.owner.pk,
        "business_unit": "",
        **{f"tier_{key}": value for key, value in TIER_ANSWERS["high"].items()},
    }
    assert client.post(at("registeredmodel_register"), given).status_code == 403
    client.force_login(cast.submitter, backend=BACKEND)
    html = client.post(at("registeredmodel_register"), given).content.decode()
    assert "Sorts patients." in html
    assert "<b>Triage" not in html
    assert not RegisteredModel.objects.exists()
    assert client.post(at("registeredmodel_register"), {**given, "business_unit": "Care"}).status_code == 302
    model = RegisteredModel.objects.get()
    form = {"number": "1", "summary": "First.", "developer": cast.developer.pk}
    assert client.post(at("registeredmodel_register_version", model.pk), form).status_code == 302
    again = client.post(at("registeredmodel_register_version", model.pk), form)
    assert "exists already" in again.content.decode()
    assert ModelVersion.objects.get().submitted_by == cast.submitter


def test_a_number_that_was_only_bounded_is_shown_between_its_bounds(client, cast):
    """The child knows the thresholds, so that a table beyond the limit of rows, here low, is bounded."""
    asked = {"check": "performance", "thresholds": {"min_roc_auc": 0.5}, "parameters": {"exact_rows": 10}}
    cast.publish({"scoping": [{"evidence": {"kind": "artifact"}}, {"checks": asked}]})
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    running.execute(run.pk)
    run.refresh_from_db()
    auc = next(item for item in run.reading["measures"] if item["name"] == "ROC AUC")
    assert (run.verdict, auc["value"]) == ("passed", None)
    assert auc["bounds"][0] >= 0.5
    client.force_login(cast.auditor, backend=BACKEND)
    html = client.get(at("checkrun_change", run.pk)).content.decode()
    assert f"<td>{between(tuple(auc['bounds']))}</td>" in html
    shown = measured.checks(case.load(version), parse(version.policy.text), measured.newest_runs(version))
    number = next(number for number in shown[0].numbers if number.name == "ROC AUC")
    assert printing.value(number) == between(tuple(auc["bounds"]))
