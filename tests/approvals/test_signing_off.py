"""Every reason why a signature is refused, and what is recorded; what stands in the ledger when it is given."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import evidence, findings, permissions, signing_off
from approvals.models import DossierSnapshot, Finding, ModelVersion, SignOff
from approvals.signing_off import Condition
from approvals.stages import Role, Stage
from portal.errors import BadInput, NotPermitted, Refused, Stale
from portal.models import LedgerEntry
from portal.reauthentication import LOCKED_OUT, WRONG_PASSWORD
from tests.cast import PASSWORD, SAFE, tiny_table

GATES = {
    "scoping": [
        {"evidence": {"kind": "artifact"}},
        {"answers": {"section": "use"}},
        {"signoffs": {"role": "business_analyst"}},
        {"signoffs": {"role": "business_owner"}},
    ],
    "data_review": [{"signoffs": {"role": "data_steward"}}],
}
QUESTIONS = {"use": [{"key": "who", "text": "Who uses it?"}]}


@pytest.fixture
def version(cast):
    cast.publish(GATES, questionnaires=QUESTIONS)
    version = cast.version()
    cast.artifact(version)
    return version


def refusals():
    return [json.loads(entry.payload) for entry in LedgerEntry.objects.filter(event="approvals.signoff.refused")]


class TestWhoMaySign:
    @pytest.mark.parametrize(
        ("who", "sentence"),
        [
            ("submitter", "You do not hold the role"),
            ("outsider", "You do not hold the role"),
            ("auditor", "You do not hold the role"),
            ("superuser", "Being an administrator gives no right to sign"),
        ],
    )
    def test_who_holds_no_role_is_refused_and_recorded_with_the_sentence(self, cast, version, who, sentence):
        with pytest.raises(NotPermitted, match=sentence):
            cast.sign(version, Role.BUSINESS_ANALYST, by=getattr(cast, who))
        assert not SignOff.objects.exists()
        assert len(refusals()) == 1
        assert sentence in json.dumps(refusals()[0], ensure_ascii=False)

    @pytest.mark.parametrize(("who", "verb"), [("submitter", "submitted"), ("developer", "developed")])
    def test_g3_holding_the_role_helps_neither_submitter_nor_developer(self, cast, version, who, verb):
        user = getattr(cast, who)
        permissions.grant(actor=cast.superuser, codename="sign_off_as_business_analyst", to=user, model=version.model)
        with pytest.raises(NotPermitted, match=f"You {verb} this version"):
            cast.sign(version, Role.BUSINESS_ANALYST, by=user)

    def test_g3_a_second_submitter_who_attached_what_the_stage_looks_at_has_contributed(self, cast, version):
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=analyst, model=version.model)
        cast_as_analyst = type(cast)(**{**cast.__dict__, "submitter": analyst})
        cast_as_analyst.artifact(version, seed=7)
        with pytest.raises(NotPermitted, match="You contributed to what this stage looks at"):
            cast.sign(version, Role.BUSINESS_ANALYST)

    def test_who_attached_what_a_check_of_the_stage_reads_has_contributed(self, cast):
        cast.publish(
            {"scoping": [{"checks": {"check": "performance"}}, {"signoffs": {"role": "business_analyst"}}]},
        )
        version = cast.version()
        cast.artifact(version)
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=analyst, model=version.model)
        type(cast)(**{**cast.__dict__, "submitter": analyst}).attach(
            version, "evaluation_table", tiny_table(), "evaluation.csv", label="y_true", prediction="y_pred"
        )
        with pytest.raises(NotPermitted, match="You contributed"):
            cast.sign(version, Role.BUSINESS_ANALYST)

    @pytest.mark.parametrize("way", ["evidence", "answer"])
    def test_g3_a_contribution_is_not_washed_off_by_another_hand(self, cast, version, way):
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=analyst, model=version.model)
        as_analyst = type(cast)(**{**cast.__dict__, "submitter": analyst})
        if way == "evidence":
            as_analyst.artifact(version, seed=7)
            cast.artifact(version, seed=7)
        else:
            for actor, said in ((analyst, "Credit officers."), (cast.submitter, "All."), (cast.submitter, "Nobody.")):
                given = {"who": said}
                evidence.record_answers(version_id=version.pk, actor=actor, section="use", answers=given)
        with pytest.raises(NotPermitted, match="You contributed to what this stage looks at"):
            cast.sign(version, Role.BUSINESS_ANALYST)

    def test_what_somebody_signed_stops_counting_when_they_contribute_to_it(self, cast, version):
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": "All."})
        cast.sign(version, Role.BUSINESS_ANALYST)
        cast.sign(version, Role.BUSINESS_OWNER)
        permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=analyst, model=version.model)
        type(cast)(**{**cast.__dict__, "submitter": analyst}).artifact(version)
        with pytest.raises(Refused, match="Amara Nwosu has since contributed to what was signed"):
            cast.advance(version)
        assert LedgerEntry.objects.filter(event="approvals.signoff.voided").count() == 1

    def test_g5_one_person_with_two_roles_signs_once_per_stage(self, cast, version):
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        permissions.grant(actor=cast.superuser, codename="sign_off_as_business_owner", to=analyst, model=version.model)
        cast.sign(version, Role.BUSINESS_ANALYST)
        with pytest.raises(NotPermitted, match="one person signs once per stage"):
            cast.sign(version, Role.BUSINESS_OWNER, by=analyst)
        cast.sign(version, Role.BUSINESS_OWNER)

    def test_a_later_stage_and_a_role_the_policy_does_not_ask_are_not_signed(self, cast, version):
        with pytest.raises(NotPermitted, match="Data review is not open for signing"):
            cast.sign(version, Role.DATA_STEWARD, stage=Stage.DATA_REVIEW)
        with pytest.raises(NotPermitted, match="asks no sign-off as risk officer in scoping"):
            cast.sign(version, Role.RISK_OFFICER)

    def test_somebody_without_a_right_on_the_model_is_not_even_shown_the_page(self, cast, version):
        with pytest.raises(NotPermitted, match="no right on this model"):
            signing_off.prepare(version=version, stage=Stage.SCOPING, role=Role.BUSINESS_ANALYST, actor=cast.outsider)


class TestWhatIsSigned:
    def answer(self, cast, version, text):
        evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": text})

    def test_a_sign_off_keeps_name_meaning_time_way_and_the_whole_dossier(self, cast, version):
        row = cast.sign(version, Role.BUSINESS_ANALYST)
        assert (row.printed_name, row.authentication, row.decision) == ("Amara Nwosu", "password", "approve")
        assert row.meaning == "I have read what is listed on this page and approve it as business analyst."
        text = DossierSnapshot.objects.get(digest=row.dossier_id).text
        assert evidence.current(version, "artifact").file.sha256 in text
        [entry] = LedgerEntry.objects.filter(event="approvals.signoff.signed")
        facts = json.loads(entry.payload)["facts"]
        assert facts["dossier"] == row.dossier_id
        assert facts["meaning"] == row.meaning
        assert entry.actor_id == row.signer_id

    def test_g6_an_answer_given_after_the_page_was_shown_makes_it_stale_and_names_the_change(self, cast, version):
        self.answer(cast, version, "Credit officers.")
        asked = cast.request(version, Role.BUSINESS_ANALYST)
        signing_off.prepare(
            version=ModelVersion.objects.get(pk=version.pk),
            stage=Stage.SCOPING,
            role=Role.BUSINESS_ANALYST,
            actor=cast.signers[Role.BUSINESS_ANALYST],
        )
        self.answer(cast, version, "Everybody.")
        with pytest.raises(Stale, match="nothing was signed") as caught:
            cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
        assert any("Credit officers. became Everybody." in line for line in caught.value.changes), caught.value.changes
        assert not SignOff.objects.exists()

    def test_g8_a_forged_digest_signs_nothing(self, cast, version):
        with pytest.raises(Stale):
            cast.sign(version, Role.BUSINESS_ANALYST, seen_digest="0" * 64)
        assert not SignOff.objects.exists()

    def test_one_key_is_one_signature_and_no_other(self, cast, version):
        asked = cast.request(version, Role.BUSINESS_ANALYST)
        first = cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
        assert cast.sign(version, Role.BUSINESS_ANALYST, asked=asked).pk == first.pk
        for change in (
            {"comment": "Another reason than before."},
            {"decision": "reject"},
            {"stage": Stage.DATA_REVIEW},
        ):
            with pytest.raises(Refused, match="used already"):
                cast.sign(version, Role.BUSINESS_ANALYST, asked=type(asked)(**{**asked.__dict__, **change}))
        other = cast.version(version.model, number="2.0.0")
        with pytest.raises(Refused, match="used already"):
            cast.sign(other, Role.BUSINESS_ANALYST, asked=asked)
        assert SignOff.objects.count() == 1

    def test_a_repeated_form_is_answered_only_with_the_right_password(self, cast, version):
        asked = cast.request(version, Role.BUSINESS_ANALYST)
        cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)
        with pytest.raises(BadInput, match="not correct"):
            cast.sign(version, Role.BUSINESS_ANALYST, asked=asked, password="guess")
        assert len(refusals()) == 1

    def test_what_is_again_as_it_was_signed_counts_again_and_the_ledger_says_so(self, cast, version):
        cast.sign(version, Role.BUSINESS_ANALYST)
        cast.artifact(version, seed=2)
        cast.artifact(version, seed=1)
        events = LedgerEntry.objects.filter(event__startswith="approvals.signoff.").order_by("pk")
        assert [entry.event.rsplit(".", 1)[1] for entry in events] == ["signed", "voided", "restored"]

    def test_the_same_key_of_another_person_is_their_own(self, cast, version):
        key = cast.sign(version, Role.BUSINESS_ANALYST).idempotency_key
        cast.sign(version, Role.BUSINESS_OWNER, idempotency_key=key)
        assert SignOff.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"comment": "   ok   \n "}, "comment"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "k" * 65}, "idempotency_key"),
        ({"decision": "approve_with_conditions"}, "conditions"),
    ],
)
def test_half_a_request_is_refused_at_its_field_and_is_no_refusal(cast, version, changes, field):
    with pytest.raises(BadInput) as caught:
        cast.sign(version, Role.BUSINESS_ANALYST, **changes)
    assert caught.value.field == field
    assert not SignOff.objects.exists()
    assert refusals() == []


class TestConditions:
    def condition(self, cast, **changes):
        day = timezone.now().date() + timedelta(days=30)
        return Condition(**{"text": "Explain the refusals.", "owner": cast.owner, "due_on": day, **changes})

    def test_each_condition_becomes_a_finding_with_owner_and_due_date(self, cast, version):
        conditions = (self.condition(cast), self.condition(cast, text="Report to the board."))
        row = cast.sign(version, Role.BUSINESS_ANALYST, decision="approve_with_conditions", conditions=conditions)
        assert [c["text"] for c in row.conditions] == ["Explain the refusals.", "Report to the board."]
        found = Finding.objects.filter(source="condition").order_by("pk")
        assert [(f.description, f.owner, f.due_on) for f in found] == [
            (c.text, cast.owner, c.due_on) for c in conditions
        ]
        assert SignOff.objects.filter(dossier_id=row.dossier_id).count() == 1
        cast.sign(version, Role.BUSINESS_OWNER)

    def test_a_condition_cannot_be_accepted_away(self, cast, version):
        cast.sign(
            version,
            Role.BUSINESS_ANALYST,
            decision="approve_with_conditions",
            conditions=(self.condition(cast),),
        )
        with pytest.raises(Refused, match="cannot be accepted"):
            findings.accept_finding(
                finding_id=Finding.objects.get().pk,
                actor=cast.signers[Role.RISK_OFFICER],
                reason=SAFE,
                until=timezone.now().date() + timedelta(days=9),
            )

    @pytest.mark.parametrize("wrong", ["text", "owner", "due_on"])
    def test_a_condition_without_task_owner_or_future_is_refused(self, cast, version, wrong):
        changes = {
            "text": {"text": "  "},
            "owner": {"owner": cast.outsider},
            "due_on": {"due_on": timezone.now().date() - timedelta(days=1)},
        }[wrong]
        with pytest.raises(BadInput) as caught:
            cast.sign(
                version,
                Role.BUSINESS_ANALYST,
                decision="approve_with_conditions",
                conditions=(self.condition(cast, **changes),),
            )
        assert caught.value.field == "conditions"
        assert not SignOff.objects.exists()
        assert not Finding.objects.exists()


class TestPasswords:
    def test_a_wrong_password_signs_nothing_and_is_recorded(self, cast, version):
        with pytest.raises(BadInput, match="not correct") as caught:
            cast.sign(version, Role.BUSINESS_ANALYST, password="guess")
        assert (caught.value.field, caught.value.sentence) == ("password", WRONG_PASSWORD)
        assert not SignOff.objects.exists()
        assert len(refusals()) == 1

    def test_a_colleagues_password_is_a_wrong_password(self, cast, version):
        owner = cast.signers[Role.BUSINESS_OWNER]
        owner.set_password("another long password")
        owner.save()
        with pytest.raises(BadInput, match="not correct"):
            cast.sign(version, Role.BUSINESS_ANALYST, password="another long password")

    def test_g12_after_too_many_wrong_passwords_the_right_one_signs_nothing_for_a_while(self, cast, version, settings):
        for _ in range(settings.AXES_FAILURE_LIMIT):
            with pytest.raises(BadInput):
                cast.sign(version, Role.BUSINESS_ANALYST, password="guess")
        with pytest.raises(BadInput) as caught:
            cast.sign(version, Role.BUSINESS_ANALYST, password=PASSWORD)
        assert caught.value.sentence == LOCKED_OUT
        assert not SignOff.objects.exists()
        assert len(refusals()) == settings.AXES_FAILURE_LIMIT + 1
        cast.sign(version, Role.BUSINESS_OWNER)  # nobody else is locked out

    def test_g11_who_was_deactivated_a_moment_ago_signs_nothing(self, cast, version):
        analyst = cast.signers[Role.BUSINESS_ANALYST]
        asked = cast.request(version, Role.BUSINESS_ANALYST)
        type(analyst).objects.filter(pk=analyst.pk).update(is_active=False)
        with pytest.raises(NotPermitted):
            cast.sign(version, Role.BUSINESS_ANALYST, asked=asked)


def test_an_objection_stands_when_whoever_made_it_contributes(cast, version):
    evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": "All."})
    cast.sign(version, Role.BUSINESS_ANALYST, decision="request_changes")
    cast.sign(version, Role.BUSINESS_OWNER)
    analyst = cast.signers[Role.BUSINESS_ANALYST]
    permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=analyst, model=version.model)
    type(cast)(**{**cast.__dict__, "submitter": analyst}).artifact(version)
    second = cast.auditor
    permissions.grant(actor=cast.superuser, codename="sign_off_as_business_analyst", to=second, model=version.model)
    cast.sign(version, Role.BUSINESS_ANALYST, by=second)
    with pytest.raises(Refused, match=r"Amara Nwosu \(business analyst\) asked for changes"):
        cast.advance(version)
