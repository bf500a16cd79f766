"""The version page and its acts, through the web: what is shown, to whom, and that every button calls its use case."""

import html
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import escape

from approvals import findings, running
from approvals.models import CheckRun, Comment, Evidence, Finding, ModelVersion, SignOff
from approvals.stages import Role
from portal.models import LedgerEntry
from portal.reauthentication import LOCKED_OUT
from tests.cast import PASSWORD, SAFE, TABLE, tiny_safetensors, tiny_table

GATES = {
    "scoping": [
        {"evidence": {"kind": "artifact"}},
        {"answers": {"section": "use"}},
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}},
        {"findings": {"at_or_above": "medium"}},
        {"signoffs": {"role": "business_analyst"}},
    ]
}
QUESTIONS = {"use": [{"key": "who", "text": "Who uses it?", "min_length": 5}]}
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def version(cast):
    cast.publish(GATES, questionnaires=QUESTIONS)
    return cast.version()


@pytest.fixture
def page(client, cast):
    def open_page(user, version, status=200):
        client.force_login(user, backend=BACKEND)
        answer = client.get(version.get_absolute_url())
        assert answer.status_code == status
        return answer.content.decode()

    return open_page


def at(name, *args):
    return reverse(f"admin:approvals_modelversion_{name}", args=args)


def sign_form(client, version, role, **changes):
    url = at("sign", version.pk, "scoping", role.value)
    shown = client.get(url)
    form = shown.context["form"]
    return url, {
        "decision": "approve",
        "comment": SAFE,
        "meaning": "on",
        "password": PASSWORD,
        "seen_digest": form["seen_digest"].value(),
        "idempotency_key": form["idempotency_key"].value(),
        **changes,
    }


def test_an_outsider_finds_neither_page_nor_acts(client, cast, version, page):
    page(cast.outsider, version, status=404)
    for url in (
        at("move", version.pk, "advance"),
        at("sign", version.pk, "scoping", "business_analyst"),
        at("attach", version.pk, "artifact"),
        at("answers", version.pk, "use"),
        at("checks", version.pk),
        at("open_finding", version.pk),
    ):
        assert client.get(url).status_code == 404, url
    assert client.post(at("comment", version.pk), {"text": "hello"}).status_code == 404
    assert not Comment.objects.exists()


def test_blockers_are_sentences_with_links_and_the_button_says_why_it_is_off(cast, version, page):
    html = page(cast.submitter, version)
    assert "Scoping is blocked: 4 items are open" in html
    assert "Model artifact is not attached." in html
    assert 'aria-disabled="true"' in html
    assert "Off while the items above are open." in html


def test_everything_needed_is_given_through_the_page_and_the_version_advances(client, cast, version, page):
    client.force_login(cast.submitter, backend=BACKEND)
    artifact = SimpleUploadedFile("model.safetensors", tiny_safetensors())
    assert client.post(at("attach", version.pk, "artifact"), {"file": artifact}).status_code == 302
    columns = {name: ", ".join(value) if isinstance(value, list) else value for name, value in TABLE.items()}
    table = SimpleUploadedFile("evaluation.csv", tiny_table())
    assert client.post(at("attach", version.pk, "evaluation_table"), {"file": table, **columns}).status_code == 302
    assert client.post(at("answers", version.pk, "use"), {"who": "Loan officers."}).status_code == 302
    assert client.post(at("run_checks", version.pk)).status_code == 302
    run = CheckRun.objects.get()
    assert client.get(at("checks", version.pk)).status_code == 200
    running.execute(run.pk)
    assert client.get(at("checks", version.pk)).status_code == 286
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
    assert client.post(url, form).status_code == 302
    html = page(cast.submitter, version)
    assert "Scoping is complete: the version may advance" in html
    assert client.post(at("move", version.pk, "advance")).status_code == 302
    assert ModelVersion.objects.get(pk=version.pk).stage == "data_review"


def test_a_bad_file_is_refused_with_a_sentence_and_nothing_is_written(client, cast, version):
    client.force_login(cast.submitter, backend=BACKEND)
    pickled = SimpleUploadedFile("model.pkl", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.")
    answer = client.post(at("attach", version.pk, "artifact"), {"file": pickled})
    assert answer.status_code == 200
    assert "not accepted" in answer.content.decode()
    empty = SimpleUploadedFile("evaluation.csv", b"")
    answer = client.post(at("attach", version.pk, "training_table"), {"file": empty, "favourable": "1"})
    assert "The file is empty." in answer.content.decode()
    assert not Evidence.objects.exists()


def test_the_submitter_and_the_superuser_are_refused_and_the_refusal_is_recorded(client, cast, version):
    for user, why in ((cast.superuser, "Being an administrator gives no right"), (cast.submitter, "do not hold")):
        client.force_login(user, backend=BACKEND)
        url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
        answer = client.post(url, form)
        assert answer.status_code == 403
        assert why in answer.content.decode()
    assert not SignOff.objects.exists()
    assert LedgerEntry.objects.filter(event="approvals.signoff.refused").count() == 2


def test_a_wrong_password_signs_nothing_and_keeps_the_reason(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST, password="wrong", comment="What I relied on.")
    html = client.post(url, form).content.decode()
    assert "Nothing was signed" in html
    assert "What I relied on." in html
    assert "wrong" not in html.split("id_password")[1][:200]
    assert not SignOff.objects.exists()


def test_what_changed_after_the_page_was_shown_is_not_signed(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
    cast.artifact(version, seed=2)
    answer = client.post(url, form)
    assert "The evidence changed after this page was shown" in answer.content.decode()
    [change] = [line for line in answer.context["changes"] if "sha256" in line]
    assert "became" in change
    assert escape(change) in answer.content.decode()
    assert not SignOff.objects.exists()


def test_after_a_change_one_goes_on_with_the_new_page_without_typing_the_reason_again(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST, comment="I relied on the report.")
    cast.artifact(version, seed=2)
    assert "again" in client.post(url, form).content.decode()
    shown = client.post(url, {**form, "again": "1"})
    assert not SignOff.objects.exists(), "to go on is not to sign"
    anew = shown.context["form"]
    assert anew["comment"].value() == "I relied on the report."
    assert not anew["meaning"].value()
    assert "password" not in anew.initial
    fresh = {name: anew[name].value() for name in ("seen_digest", "idempotency_key")}
    assert fresh["seen_digest"] != form["seen_digest"]
    assert client.post(url, {**form, **fresh}).status_code == 302
    assert SignOff.objects.count() == 1


def test_too_many_wrong_passwords_lock_signing_and_say_so(client, cast, version, settings):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post(url, {**form, "password": "guess"})
    assert answer.status_code == 429
    assert LOCKED_OUT in answer.content.decode()
    answer = client.post(url, form)
    assert LOCKED_OUT in answer.content.decode()
    assert not SignOff.objects.exists()


def test_a_form_that_is_sent_twice_signs_once_and_says_so_twice(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
    assert [client.post(url, form).status_code for _ in range(2)] == [302, 302]
    assert SignOff.objects.count() == 1


def test_a_sign_off_that_no_longer_counts_is_struck_through(client, cast, version, page):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST)
    assert client.post(url, form).status_code == 302
    cast.artifact(version)
    html = page(cast.submitter, version)
    assert "No longer counts" in html
    assert "<s>" in html


def test_a_condition_without_words_is_refused_and_not_left_out(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    half = {"condition_1": "", "condition_1_owner": cast.owner.pk, "condition_1_due": "2099-01-01"}
    whole = {"condition_2": "Watch it.", "condition_2_owner": cast.owner.pk, "condition_2_due": "2099-01-01"}
    url, form = sign_form(client, version, Role.BUSINESS_ANALYST, decision="approve_with_conditions", **half, **whole)
    assert '<details class="conditions"><summary>' in client.get(url).content.decode()
    for decision in ("approve_with_conditions", "approve"):
        html = client.post(url, {**form, "decision": decision}).content.decode()
        assert '<details class="conditions" open><summary>' in html, "what is wrong is not folded away"
        assert "Say what has to be done." in html
    assert not SignOff.objects.exists()


def test_half_a_condition_is_refused_at_its_field(client, cast, version):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    url, form = sign_form(
        client, version, Role.BUSINESS_ANALYST, decision="approve_with_conditions", condition_1="Watch it"
    )
    assert "A condition needs an owner and a due date." in client.post(url, form).content.decode()
    assert not SignOff.objects.exists()


def test_markup_in_every_text_stays_text(client, cast, version, page):
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    long = f"{SCRIPT} [x](javascript:alert(1)) ![y](http://example.com/a.png)"
    assert client.post(at("comment", version.pk), {"text": long}).status_code == 302
    opened = {"title": SCRIPT, "description": SCRIPT, "severity": 3, "owner": cast.owner.pk, "due_on": "2099-01-01"}
    assert client.post(at("open_finding", version.pk), opened).status_code == 302
    client.force_login(cast.submitter, backend=BACKEND)
    client.post(at("answers", version.pk, "use"), {"who": SCRIPT})
    html = page(cast.submitter, version)
    assert SCRIPT not in html
    assert "<img" not in html
    assert "javascript:" not in html.replace("[x](javascript:alert(1))", "")
    assert Comment.objects.get().text == long


def test_a_finding_is_closed_by_a_judge_and_never_by_its_owner(client, cast, version):
    finding = findings.open_finding(
        version_id=version.pk,
        actor=cast.signers[Role.MODEL_VALIDATOR],
        severity=3,
        title="A gap in the data",
        description="",
        owner=cast.signers[Role.RISK_OFFICER],
        due_on=date(2099, 1, 1),
    )
    url = at("settle_finding", version.pk, finding.pk, "close")
    client.force_login(cast.signers[Role.RISK_OFFICER], backend=BACKEND)
    assert client.post(url, {"evidence": "It is filled now."}).status_code == 403
    client.force_login(cast.signers[Role.MODEL_VALIDATOR], backend=BACKEND)
    assert client.post(url, {"evidence": "It is filled now."}).status_code == 302
    assert Finding.objects.get().status == "closed"


def test_an_auditor_reads_the_page_and_changes_nothing(client, cast, version, page):
    html = page(cast.auditor, version)
    assert "Attach…" not in html
    assert client.post(at("run_checks", version.pk)).status_code == 403
    assert client.post(at("comment", version.pk), {"text": "Read."}).status_code == 403
    assert client.post(at("answers", version.pk, "use"), {"who": "Nobody."}).status_code == 403
    assert not Comment.objects.exists()


def test_the_inbox_and_its_count_name_what_this_person_can_sign(client, cast, version):
    url = at("awaiting")
    client.force_login(cast.signers[Role.BUSINESS_ANALYST], backend=BACKEND)
    html = client.get(url).content.decode()
    assert "Sign as business analyst" in html
    assert '<span class="badge">1</span>' in html
    client.force_login(cast.outsider, backend=BACKEND)
    assert "Nothing waits for your signature." in client.get(url).content.decode()


def test_g35_lists_and_filters_name_only_visible_models(client, cast, version):
    url = reverse("admin:approvals_modelversion_changelist")
    client.force_login(cast.outsider, backend=BACKEND)
    html = client.get(url).content.decode()
    assert "Consumer credit scoring" not in html
    client.force_login(cast.auditor, backend=BACKEND)
    assert "Consumer credit scoring 1.0.0" in client.get(url).content.decode()


@pytest.mark.parametrize("claim", ["roc_auc: nan", "roc_auc: inf", "roc_auc: 1e999", ": 0.8", "roc_auc 0.8"])
def test_a_claim_that_is_no_number_is_refused_at_its_field(client, cast, version, claim):
    client.force_login(cast.submitter, backend=BACKEND)
    cast.artifact(version)
    table = SimpleUploadedFile("evaluation.csv", tiny_table())
    columns = {"label": "y_true", "prediction": "y_pred", "favourable": "1", "claims": claim}
    answer = client.post(at("attach", version.pk, "evaluation_table"), {"file": table, **columns})
    assert answer.status_code == 200
    assert "is not a name, a colon and a number" in answer.content.decode()


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"kind": "ordinal"}, "Select a valid choice"),
        ({"kind": "regression", "score": "y_score"}, "means something for binary tables only"),
        ({"kind": "multiclass", "class_scores": "1 y_score"}, "is not a class, a colon and a column"),
        ({"kind": "multiclass", "class_scores": "1: y_score\n1: amount"}, "has two lines"),
        ({"kind": "multiclass", "class_scores": "1: nonsense"}, "The table has no column nonsense"),
        ({"kind": "binary", "class_scores": "1: y_score"}, "means something for multiclass tables only"),
        ({"slices": "women"}, "Each line must be a name, a colon and columns"),
        ({"slices": "women: {sex: f}\nwomen: {sex: m}"}, "the entry “women” stands here twice"),
        ({"slices": "women: {sex: f"}, "The list of slices is not valid YAML"),
        ({"slices": "women: f"}, "needs columns with their values"),
        ({"slices": "old: {age: {above: 70}}"}, "The table has no column age"),
    ],
)
def test_a_declaration_of_another_kind_is_refused_in_words(client, cast, version, columns, why):
    client.force_login(cast.submitter, backend=BACKEND)
    cast.artifact(version)
    table = SimpleUploadedFile("evaluation.csv", tiny_table())
    given = {"file": table, "label": "y_true", "prediction": "y_pred", "favourable": "1", **columns}
    answer = client.post(at("attach", version.pk, "evaluation_table"), given)
    assert answer.status_code == 200
    assert why in answer.content.decode()
    assert not Evidence.objects.filter(kind="evaluation_table").exists()


def test_the_form_declares_a_kind_only_where_it_is_not_binary_and_shows_it_again(client, cast, version):
    client.force_login(cast.submitter, backend=BACKEND)
    cast.artifact(version)
    url = at("attach", version.pk, "evaluation_table")
    columns = {"label": "y_true", "prediction": "y_pred", "favourable": "1"}
    more = {"kind": "multiclass", "class_scores": "1: y_score\n 0 : amount\n"}
    for extra in ({}, {"kind": "binary"}, more, {"kind": "regression"}):
        table = SimpleUploadedFile("evaluation.csv", tiny_table())
        assert client.post(url, {"file": table, **columns, **extra}).status_code == 302, extra
        if extra is more:
            html = client.get(url).content.decode()
            assert '<option value="multiclass" selected>' in html
            assert "1: y_score\n0: amount" in html
    declared = [row.details for row in Evidence.objects.filter(kind="evaluation_table").order_by("pk")]
    binary = {"label": "y_true", "prediction": "y_pred", "favourable": 1}
    numbers = {"label": "y_true", "prediction": "y_pred", "kind": "regression"}
    assert declared[0] == declared[1] == binary
    assert declared[2] == {**numbers, "kind": "multiclass", "class_scores": {"1": "y_score", "0": "amount"}}
    assert declared[3] == numbers


def test_declared_slices_are_kept_and_shown_in_words_and_in_the_form(client, cast, version):
    client.force_login(cast.submitter, backend=BACKEND)
    cast.artifact(version)
    url = at("attach", version.pk, "evaluation_table")
    slices = "Women: {sex: [female, f]}\nlarge, late: {amount: {at_least: 5000}, age_group: 60+}\n"
    table = SimpleUploadedFile("evaluation.csv", tiny_table())
    given = {"file": table, "label": "y_true", "prediction": "y_pred", "favourable": "1", "slices": slices}
    assert client.post(url, given).status_code == 302
    row = Evidence.objects.get(kind="evaluation_table")
    declared = {"Women": {"sex": ["female", "f"]}, "large, late": {"amount": {"at_least": 5000}, "age_group": "60+"}}
    assert row.details["slices"] == declared
    shown = html.unescape(client.get(url).content.decode())
    assert '"large, late": {"amount": {"at_least": 5000}, "age_group": "60+"}' in shown
    page = client.get(reverse("admin:approvals_evidence_change", args=[row.pk])).content.decode()
    assert "Women: sex is female or f; large, late: amount at least 5000, age_group is 60+" in page
    again = SimpleUploadedFile("evaluation.csv", tiny_table() + b"\n")
    kept = re.search(r'<textarea name="slices".*?>(.*?)</textarea>', shown, re.DOTALL)[1].strip()
    assert client.post(url, {**given, "file": again, "slices": kept}).status_code == 302
    assert Evidence.objects.filter(kind="evaluation_table").order_by("pk").last().details["slices"] == declared


def test_a_comment_with_a_character_that_no_database_keeps_is_refused_in_words(client, cast, version):
    client.force_login(cast.submitter, backend=BACKEND)
    html = client.post(at("comment", version.pk), {"text": "Why\0?"}, follow=True).content.decode()
    assert "U+0000" in html
    assert not Comment.objects.exists()


def test_what_an_auditor_opens_is_in_the_ledger_and_what_others_open_is_not(client, cast, version, page):
    page(cast.submitter, version)
    page(cast.superuser, version)
    assert not LedgerEntry.objects.filter(event="approvals.version.viewed").exists()
    page(cast.auditor, version)
    [entry] = LedgerEntry.objects.filter(event="approvals.version.viewed")
    assert (entry.actor_id, entry.object_id) == (cast.auditor.pk, str(version.pk))
    page(cast.outsider, version, status=404)
    assert LedgerEntry.objects.filter(event="approvals.version.viewed").count() == 1


def test_a_suspended_version_names_what_stands_before_its_approval_and_a_closed_one_offers_no_findings(
    client, cast, page
):
    cast.publish({"deployment_approval": [{"signoffs": {"role": "it_operations"}}]})
    version = cast.version()
    cast.artifact(version)
    for _ in range(6):
        cast.advance(version)
    officer, operator = cast.signers[Role.RISK_OFFICER], cast.signers[Role.IT_OPERATIONS]
    assert "Sign as IT operations (deployment approval)" in page(operator, version)
    client.force_login(officer, backend=BACKEND)
    impossible = client.get(at("move", version.pk, "suspend")).content.decode()
    assert "A version in deployment approval cannot be suspended." in impossible
    assert "<textarea" not in impossible
    cast.sign(version, Role.IT_OPERATIONS)
    cast.advance(version)
    client.post(at("move", version.pk, "suspend"), {"reason": "The scores drifted far away."})
    shown = page(operator, version)
    assert "Suspended: the approval does not hold; 1 item is open" in shown
    assert "IT operations" in shown.split('id="blockers"')[1].split("</ul>")[0]
    assert "Off while the items above are open." in shown
    client.force_login(cast.owner, backend=BACKEND)
    client.post(at("move", version.pk, "retire"), {"reason": "Nobody needs it any more."})
    assert ModelVersion.objects.get(pk=version.pk).stage == "retired"
    assert "Open a finding" not in page(officer, version)
    assert "closed for good" in client.get(at("open_finding", version.pk)).content.decode()
