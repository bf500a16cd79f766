"""Cards through their use cases: made from the database, signed, verified by us and by poppler, handed over."""

import json
import shutil
import subprocess
from datetime import date

import pytest
from django.conf import settings

from approvals import checking, findings, running
from approvals.models import Evidence
from approvals.stages import Role
from modelcards import issuing, records, tasks
from modelcards.card import Card
from modelcards.exporters.pdf import PATIENCE_SECONDS
from modelcards.models import ModelCard
from modelcards.press import SECONDS
from modelcards.signing import root_path
from modelcards.verification import verify_card
from portal import checkpoints
from portal.errors import NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import TABLE, make_cast, tiny_table
from tests.modelcards.approvals import ordered

GATES = {
    "scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "business_analyst"}}],
    "validation": [
        {"answers": {"section": "intended_use"}},
        {"findings": {"at_or_above": "medium"}},
        {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}},
        {"checks": {"check": "group_fairness", "thresholds": {"min_selection_ratio": 0.5}}},
        {"signoffs": {"role": "model_validator"}},
    ],
}
QUESTIONS = {"intended_use": [{"key": "assumptions", "text": "What is assumed?", "required": False}]}
MONITORS: list[dict[str, object]] = []


@pytest.fixture
def cast(committed_database):
    return make_cast()


def in_validation(cast):
    cast.publish(GATES, questionnaires=QUESTIONS, monitors=MONITORS)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(3):
        cast.advance(version)
    for run in checking.request_open_checks(version_id=version.pk, actor=cast.submitter):
        running.execute(run.pk)
    return version


def approved(cast):
    version = in_validation(cast)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(4):
        cast.advance(version)
    return version


def issued(cast):
    version = approved(cast)
    row = ModelCard.objects.get(version=version, kind="issued")
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    return ModelCard.objects.get(pk=row.pk)


def test_an_approval_makes_a_card_that_verifies_and_says_what_is_in_the_database(cast, tmp_path):
    row = issued(cast)
    pdf = row.pdf.path.read_bytes()
    root = root_path(settings.VAR)
    report = verify_card(pdf, roots=[root.read_bytes()], vkey=checkpoints.vkey(), revoked=records.revoked())
    assert report.ok, report.bottom_line
    card = Card.from_json(json.loads(row.content))
    assert card == report.card
    assert card.number == row.number
    assert {signed.printed_name for signed in card.sign_offs} == {"Amara Nwosu", "Elif Kaya"}
    assert all(gate.open for gate in card.gates)
    accuracy = next(n for check in card.checks for n in check.numbers if n.name == "accuracy")
    assert accuracy.value == pytest.approx(0.88, abs=0.1)
    assert {len(table.factors) for check in card.checks for table in check.groups} == {1, 2}
    assert Notification.objects.filter(user=cast.auditor, text__contains=row.number).exists()
    assert LedgerEntry.objects.filter(event="modelcards.card.issued").count() == 1
    copy = tmp_path / "card.pdf"
    shutil.copyfile(row.pdf.path, copy)
    said = subprocess.run(["pdfsig", "-nocert", str(copy)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in said
    assert "Total document signed" in said


@pytest.mark.both_engines
def test_a_draft_becomes_evidence_and_is_no_approval(cast):
    version = in_validation(cast)
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            issuing.request_draft(version_id=version.pk, actor=user)
    row = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    assert issuing.request_draft(version_id=version.pk, actor=cast.submitter) == row
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    piece = Evidence.objects.get(version=version, kind="card_draft")
    text = subprocess.run(["pdftotext", str(piece.file.path), "-"], capture_output=True, text=True, check=True).stdout
    assert "DRAFT, not an approval" in text
    report = verify_card(piece.file.path.read_bytes(), roots=None, vkey=None)
    assert not report.ok


@pytest.mark.both_engines
def test_a_worker_that_lost_its_lease_stores_nothing(cast):
    row = ordered(cast)
    late = issuing.claim(row.pk, row.requested_at - 2 * issuing.LEASE)
    card, pdf = issuing.make(ModelCard.objects.select_related("version__model", "version__policy").get(pk=row.pk))
    assert issuing.execute(row.pk)
    assert not issuing.store(row.pk, late, card, pdf)
    assert LedgerEntry.objects.filter(event="modelcards.card.result_refused").count() == 1
    assert LedgerEntry.objects.filter(event="modelcards.card.issued").count() == 1
    assert not issuing.execute(row.pk)


def test_a_worker_at_work_shows_how_far_it_is_and_stops_when_the_card_is_anothers(cast):
    row = ordered(cast)
    token = issuing.claim(row.pk, row.requested_at)
    issuing.report_progress(row.pk, token, 20, "Printing")
    shown = ModelCard.objects.get(pk=row.pk)
    assert (shown.progress, shown.progress_text) == (20, "Printing")
    assert shown.lease_until > row.requested_at + issuing.LEASE
    assert issuing.claim(row.pk, row.requested_at + issuing.LEASE) is None
    assert issuing.claim(row.pk, shown.lease_until + issuing.LEASE)
    with pytest.raises(issuing.LeaseLostError):
        issuing.report_progress(row.pk, token, 80, "Signing")
    assert ModelCard.objects.get(pk=row.pk).progress == 0


def test_workers_that_die_each_time_are_given_up_with_a_sentence_and_a_person_orders_again(cast):
    row = ordered(cast)
    long_ago = row.requested_at
    for _ in range(issuing.ATTEMPTS):
        assert issuing.claim(row.pk, long_ago)
        long_ago += 2 * issuing.LEASE
    issuing.sweep(now=long_ago)
    row = ModelCard.objects.get(pk=row.pk)
    assert "died on each of 3 attempts" in row.error
    with pytest.raises(NotPermitted):
        issuing.retry(card_id=row.pk, actor=cast.auditor)
    issuing.retry(card_id=row.pk, actor=cast.owner)
    assert issuing.execute(row.pk)


def test_a_download_is_for_those_who_see_the_model_and_is_recorded(with_card):
    cast, row = with_card
    with pytest.raises(NotPermitted):
        issuing.download(card_id=row.pk, actor=cast.outsider)
    got = issuing.download(card_id=row.pk, actor=cast.auditor)
    assert got.content == row.pdf.path.read_bytes()
    assert got.name == f"{row.number}.pdf"
    document = issuing.download(card_id=row.pk, actor=cast.auditor, exporter="json")
    assert document.content.decode() == row.content
    with pytest.raises(Refused, match="no format"):
        issuing.download(card_id=row.pk, actor=cast.auditor, exporter="docx")
    entries = LedgerEntry.objects.filter(event="modelcards.card.downloaded")
    assert {entry.actor_id for entry in entries} == {cast.auditor.pk}
    assert entries.count() == 2


def test_a_card_made_after_a_finding_still_shows_what_the_approval_rests_on(cast):
    version = approved(cast)
    findings.open_finding(
        version_id=version.pk,
        actor=cast.signers[Role.RISK_OFFICER],
        severity=3,
        title="Larger loans than before",
        description="",
        owner=cast.owner,
        due_on=date(2099, 1, 1),
    )
    row = ModelCard.objects.get(version=version, kind="issued")
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    card = Card.from_json(json.loads(ModelCard.objects.get(pk=row.pk).content))
    assert all(signed.current for signed in card.sign_offs)
    assert [finding.title for finding in card.findings] == ["Larger loans than before"]


def test_the_worker_waits_for_longer_than_all_printings_of_a_card_may_take():
    assert tasks.issue.time_limit > tasks.issue.soft_time_limit > 4 * PATIENCE_SECONDS
    assert PATIENCE_SECONDS > SECONDS
