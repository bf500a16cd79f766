"""The demonstration is told once, by the command itself, and then looked at from all sides."""

from __future__ import annotations

import io
import json
import os
import stat
from collections import Counter
from pathlib import Path

import pikepdf
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings
from django.utils import timezone

from approvals import dossier, policy
from approvals.models import CheckRun, Evidence, Finding, MitigationPlan, ModelVersion, Policy, RegisteredModel, SignOff
from approvals.policy_document import parse
from approvals.stages import REVIEW_STAGES, Role, Stage, Transition
from modelcards import rendering
from modelcards.card import Card
from modelcards.models import ModelCard
from monitoring.models import Reading
from portal import auditing
from portal.keys import ensure_keys
from portal.management.demo import other_texts, texts
from portal.management.demo.cast import ADA, PEOPLE, SIGNERS, common_password, create_accounts, logins_file
from portal.management.demo.scenes import House
from portal.management.demo.side_stories import campaign
from portal.management.demo.steps import Progress, Step, play
from portal.management.demo.whole import OF_THE_DEMO, TEMPLATES, whole_story
from portal.management.demo.work import Inline, Queue, StoryError, Workers
from portal.models import LedgerEntry, Notification
from tests.databases import database_of_its_own


@pytest.fixture(scope="module", autouse=True)
def _mask_as_it_was():
    """The command sets one for good."""
    mask = os.umask(0o077)
    yield
    os.umask(mask)


@pytest.fixture(scope="class")
def told(django_db_setup, django_db_blocker, tmp_path_factory):
    """The whole story, in a database and a folder of its own."""
    folder = tmp_path_factory.mktemp("told")
    ensure_keys(folder / "var")
    with override_settings(VAR=folder / "var"), database_of_its_own(django_db_blocker, folder):
        said = io.StringIO()
        call_command("seed", "--demo", "--inline", "--brief", stdout=said)
        yield said.getvalue()


def version(text):
    return ModelVersion.objects.select_related("model", "policy").get(model__name=text.name, number=text.number)


def events(**wanted):
    return list(LedgerEntry.objects.filter(**wanted).order_by("seq"))


def facts(entry):
    return json.loads(entry.payload)["facts"]


@pytest.mark.timeout(900)  # the first test waits for the whole story; only for what is broken
class TestTheToldStory:
    def test_the_six_models_end_where_the_story_leaves_them(self, told):
        versions = ModelVersion.objects.exclude(number="0.9.0", model__name=texts.CREDIT_SCORE.name)
        found = {v.model.name: v.stage for v in versions.select_related("model")}
        assert found == {
            texts.CREDIT_SCORE.name: Stage.MONITORING,
            texts.CAMPAIGN.name: Stage.VALIDATION,
            texts.EARLY_WARNING.name: Stage.VALIDATION,
            texts.APPLICANT_PROFILE.name: Stage.REJECTED,
            other_texts.DEMAND.name: Stage.MONITORING,
            other_texts.READER.name: Stage.MONITORING,
        }

    def test_fairness_failed_by_age_alone_and_passed_with_the_second_artifact(self, told):
        first, second = CheckRun.objects.filter(
            version=version(texts.CREDIT_SCORE), check_key="group_fairness"
        ).order_by("pk")
        assert (first.verdict, second.verdict) == ("failed", "passed")
        assert {m["name"] for m in first.reading["failed_measures"]} == {
            "selection rate ratio by age_group",
            "equal opportunity difference by age_group",
        }
        assert first.inputs["artifact"] != second.inputs["artifact"]
        assert first.inputs["thresholds"] == second.inputs["thresholds"]

    def test_every_failed_measure_has_a_plan(self, told):
        plans = MitigationPlan.objects.filter(version=version(texts.CREDIT_SCORE))
        assert {plan.measure for plan in plans} == {
            measure["name"] for plan in plans for measure in plan.failed_run.reading["failed_measures"]
        }

    def test_the_second_artifact_voided_every_earlier_sign_off(self, told):
        credit = version(texts.CREDIT_SCORE)
        approved = events(event="approvals.version.advanced", scope=credit.scope)[-1].seq
        voided = {
            signed["id"]: signed["stage"]
            for entry in events(event="approvals.signoff.voided", scope=credit.scope, seq__lt=approved)
            for signed in facts(entry)["sign_offs"]
        }
        assert set(voided.values()) >= {"scoping", "data_review", "development", "validation"}
        counted = SignOff.objects.filter(version=credit).exclude(pk__in=voided)
        assert [row.decision for row in counted] == ["approve"] * 12

    def test_every_gate_of_the_approved_version_is_still_open(self, told):
        credit = version(texts.CREDIT_SCORE)
        case, document = dossier.load_case(credit), parse(credit.policy.text)
        monitored = Finding.objects.filter(version=credit, source="monitor").exists()
        for stage in REVIEW_STAGES:
            codes = {blocker.code for blocker in policy.gate(case, document, stage, now=timezone.now()).blockers}
            assert codes <= ({"finding_open", "sign_off_voided"} if monitored else set())

    @pytest.mark.parametrize("who", ["ada", "oscar", "nadia"])
    def test_people_who_may_not_sign_were_refused_and_signed_nothing(self, told, who):
        refused = events(event="approvals.signoff.refused", actor_id=User.objects.get(username=who).pk)
        assert len(refused) == 1
        assert facts(refused[0])["code"] == "not-permitted"
        assert not SignOff.objects.filter(signer__username=who).exists()

    def test_closed_gates_were_tried_and_refused(self, told):
        refused = Counter(entry.scope for entry in events(event="approvals.version.move_refused"))
        assert refused[version(texts.CREDIT_SCORE).scope] == 3
        assert refused[version(texts.EARLY_WARNING).scope] == 1

    def test_the_campaign_waits_for_the_validator_and_nothing_else(self, told):
        waiting = version(texts.CAMPAIGN)
        decision = policy.decide(
            dossier.load_case(waiting), parse(waiting.policy.text), Transition.ADVANCE, now=timezone.now()
        )
        assert [(b.code, b.who) for b in decision.blockers] == [("sign_off_missing", Role.MODEL_VALIDATOR.label)]

    def test_the_early_warning_is_stopped_by_its_failed_checks(self, told):
        stopped = version(texts.EARLY_WARNING)
        decision = policy.decide(
            dossier.load_case(stopped), parse(stopped.policy.text), Transition.ADVANCE, now=timezone.now()
        )
        assert {b.code for b in decision.blockers} == {"check_failed", "sign_off_missing"}

    def test_the_applicant_profile_was_rejected_with_a_reason(self, told):
        rejection = SignOff.objects.get(decision="reject")
        assert rejection.version == version(texts.APPLICANT_PROFILE)
        assert rejection.comment == texts.REASON_TO_REJECT

    def test_the_drift_is_found_from_its_first_month_on_and_nothing_before(self, told):
        found = Finding.objects.filter(version=version(texts.CREDIT_SCORE), source="monitor")
        assert "from month 8 on Henrik, the owner, has a finding" in told
        assert any("amount" in row.title + row.description for row in found)

    def test_the_version_in_shadow_is_compared_on_the_same_rows_and_approved_by_nobody(self, told):
        shadow = ModelVersion.objects.get(model__name=texts.CREDIT_SCORE.name, number="0.9.0")
        assert (shadow.stage, SignOff.objects.filter(version=shadow).exists()) == (Stage.SCOPING, False)
        readings = Reading.objects.filter(monitor__key="challenger").select_related("batch", "monitor")
        assert {row.monitor.version for row in readings} == {version(texts.CREDIT_SCORE)}
        assert all("version 0.9.0" in row.sentences[0] for row in readings)
        assert all("runs in shadow and decides nothing" in row.batch.description for row in readings)
        assert [row.verdict for row in readings] == ["ok"] * 2

    def test_it_is_revalidated_with_the_record_of_its_months(self, told):
        (row,) = Evidence.objects.filter(version=version(texts.CREDIT_SCORE), kind="monitoring_record")
        record = json.loads(row.file.path.read_text("utf-8"))
        assert record["coverage"]["months_with_data"] == 2
        drift = next(one for one in record["monitors"] if one["monitor"] == "feature_drift")
        levels = [month["level"] for month in drift["months"] if month["readings"]]
        assert levels == ["within limits", "alert"]

    def test_the_owner_was_told_of_the_breach(self, told):
        notes = Notification.objects.filter(event="monitoring.monitor.breached")
        assert version(texts.CREDIT_SCORE).model.owner in {note.user for note in notes}

    def test_signers_of_an_approval_that_stands_are_told_but_not_asked_to_sign_again(self, told):
        told_after = Notification.objects.filter(event="approvals.signoff.voided", text__contains="The approval stands")
        asked_before = Notification.objects.filter(event="approvals.signoff.voided", asks_for_act=True)
        assert {note.user.username for note in told_after} >= {"samira", "grace", "yuki", "leilani", "henrik"}
        assert not told_after.filter(asks_for_act=True).exists()
        assert all("sign again" in note.text for note in asked_before)

    def test_the_issued_card_lies_beside_the_logins(self, told):
        card = ModelCard.objects.get(version=version(texts.CREDIT_SCORE), kind="issued")
        copy = Path(settings.VAR) / "demo" / f"{card.number}.pdf"
        assert copy.read_bytes().startswith(b"%PDF-")
        assert f"manage.py verify {copy}" in told

    @pytest.mark.parametrize(
        ("text", "kind", "says"),
        [
            (texts.CREDIT_SCORE, "binary", ("Brier score", "Selection rate by sex and age_group")),
            (other_texts.DEMAND, "regression", ("Root mean squared error", "Distribution of errors")),
            (other_texts.READER, "multiclass", ("F1 score, mean over classes", "Each class against the rest")),
        ],
    )
    def test_a_model_of_each_kind_has_an_issued_card_of_8_to_30_pages(self, told, text, kind, says):
        row = ModelCard.objects.get(version=version(text), kind="issued")
        card = json.loads(row.content)
        declared = {fact["label"]: fact["value"] for fact in card["evaluation"][0]["facts"]}
        assert declared.get("Kind", "binary") == kind
        with pikepdf.open(row.pdf.path) as opened:
            assert 8 <= len(opened.pages) <= 30
        printed = rendering.html(Card.from_json(card))
        assert [words for words in says if words not in printed] == []
        assert "Not stated." not in printed.partition('id="rules"')[0]

    def test_models_are_pinned_to_the_policy_of_their_kind_and_new_ones_to_that_of_the_tier(self, told):
        assert version(other_texts.DEMAND).policy.name == "low-tier-numbers"
        assert version(other_texts.READER).policy.name == "low-tier-classes"
        newest = Policy.objects.filter(tier="low").order_by("-published_at", "-pk").first()
        assert newest is not None
        assert newest.name == "low-tier"

    def test_the_ledger_of_the_story_verifies(self, told):
        report = auditing.verify()
        assert report.ok, report.sentences

    def test_names_and_password_are_written_once_for_the_owner_only(self, told):
        path = logins_file(Path(settings.VAR))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        password = common_password(Path(settings.VAR))
        assert told.count(password) == 1
        assert all(User.objects.get(username=person.username).check_password(password) for person in PEOPLE)

    def test_each_step_is_one_numbered_line(self, told):
        lines = [line for line in told.splitlines() if line.startswith("[")]
        numbers = [line[1:].partition("]")[0].strip() for line in lines]
        assert numbers == [f"{number}/{len(lines)}" for number in range(1, len(lines) + 1)]

    def test_a_second_seed_says_so_and_changes_nothing(self, told):
        before = LedgerEntry.objects.count()
        said = io.StringIO()
        call_command("seed", "--demo", "--inline", stdout=said)
        assert "is there already" in said.getvalue()
        assert LedgerEntry.objects.count() == before

    def test_ada_was_refused_although_she_holds_the_role(self, told):
        (refused,) = events(event="approvals.signoff.refused", actor_name="Ada Okonkwo")
        assert facts(refused)["sentence"] == "You submitted this version; somebody else must sign it."

    def test_people_hold_nine_roles_and_nobody_two(self, told):
        model = RegisteredModel.objects.get(name=texts.CREDIT_SCORE.name)
        case = dossier.load_case(ModelVersion.objects.get(model=model, number=texts.CREDIT_SCORE.number))
        assert all(case.holders[role] for role in Role)
        held = Counter(name for names in case.holders.values() for name in names)
        assert set(held) == {person.full_name for person in (ADA, *SIGNERS)}
        assert set(held.values()) == {1}


@pytest.fixture
def house(db, tmp_path):
    (tmp_path / "demo").mkdir()
    return House(password=common_password(tmp_path), work=Inline(), var=tmp_path)


def test_each_step_may_be_repeated_after_it_was_cut_short(house):
    opening = [step for step in whole_story(house) if "accounts" in step.text or "Clara writes" in step.text]
    for step in (*opening, *campaign(house)):
        step.act()
        step.act()
    waiting = version(texts.CAMPAIGN)
    assert waiting.stage == Stage.VALIDATION
    assert User.objects.count() == len(PEOPLE)
    assert Policy.objects.count() == 4
    kinds = Counter(Evidence.objects.filter(version=waiting).values_list("kind", flat=True))
    assert set(kinds.values()) == {1}
    assert SignOff.objects.filter(version=waiting).count() == 3
    assert set(Counter(CheckRun.objects.values_list("check_key", flat=True)).values()) == {1}


def test_a_story_that_was_cut_short_goes_on_where_it_stopped(tmp_path):
    did: list[str] = []
    said: list[str] = []
    works = False

    def second() -> None:
        if not works:
            raise StoryError("No.")
        did.append("second")

    steps = [Step("First", lambda: did.append("first")), Step("Second", second)]
    progress = Progress(tmp_path / "progress.json", steps)
    with pytest.raises(StoryError):
        play(steps, progress, said.append)
    works = True
    play(steps, progress, said.append)
    assert did == ["first", "second"]
    assert said == ["[1/2] First.", "[2/2] Second."]


def test_an_unfinished_story_of_another_release_is_not_mixed_with_this_one(tmp_path):
    path = tmp_path / "demo" / "progress.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"story": "another", "done": 3, "of": 9}), encoding="utf-8")
    with pytest.raises(StoryError, match="another release"):
        Progress(path, [Step("First", lambda: None)]).done()


def test_work_that_nobody_does_ends_with_a_sentence():
    with pytest.raises(StoryError, match="2 checks still wait after 0 seconds: see whether the worker runs"):
        Workers(longest=0).finish(Queue("checks", lambda: [1, 2], lambda _: None))


def test_work_that_a_killed_process_had_begun_is_tried_again_until_it_is_free():
    waiting, tries = [7], []

    def execute(pk: int) -> None:
        tries.append(pk)
        if len(tries) == 2:
            waiting.clear()

    Inline().finish(Queue("checks", lambda: list(waiting), execute))
    assert tries == [7, 7]
    waiting.append(7)
    with pytest.raises(StoryError, match="1 checks did not come to an end"):
        Inline(longest=0).finish(Queue("checks", lambda: [7], execute))


def test_people_who_are_there_already_are_left_alone(db):
    User.objects.create_user("somebody")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("seed", "--demo", "--inline")
    assert User.objects.count() == 1


def test_a_database_of_its_own_gets_no_demo_data_unasked(db, settings):
    settings.DATABASE_IS_EMBEDDED = False
    with pytest.raises(CommandError, match="add --demo"):
        call_command("seed", "--inline")
    assert not User.objects.exists()


def test_accounts_that_exist_keep_their_password(db):
    create_accounts("first password")
    create_accounts("second password")
    assert User.objects.get(username="ada").check_password("first password")


@pytest.mark.parametrize(
    "path", [*TEMPLATES.glob("*_tier.yaml"), *OF_THE_DEMO.glob("*.yaml")], ids=lambda path: path.stem
)
def test_policy_templates_have_a_gate_with_a_sign_off_for_each_review_stage(path):
    document = parse(path.read_text(encoding="utf-8"))
    assert path.stem.startswith(document.tier)
    assert "model_card" in document.questionnaires
    assert list(document.gates) == list(REVIEW_STAGES)
    assert all(any(asked.key == "signoffs" for asked in gate) for gate in document.gates.values())
    assert all(entry.get("severity") and entry.get("every_days") for entry in document.monitors)
