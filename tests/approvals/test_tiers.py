"""The risk tier follows from recorded answers; another one needs a reason and a second person."""

from datetime import UTC, date, datetime

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from approvals import permissions, repinning, replaying, tier_assessment, tiering
from approvals.models import ModelVersion, RegisteredModel, TierAssessment, TierOverride
from approvals.stages import Role
from modelcards.content import subject
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry
from portal.reauthentication import Proof
from tests.cast import PASSWORD, SAFE, TIER_ANSWERS, web_request

pytestmark = pytest.mark.both_engines
LEAST = {"people": "few", "amount": "minor", "use": "information", "harm": "inconvenience", "eu_category": "outside"}


@pytest.fixture
def formula():
    return tiering.formula_on(date(2026, 11, 23))


@pytest.mark.parametrize(
    ("changes", "exposure", "purpose", "tier"),
    [
        ({}, 1, 1, "low"),
        ({"people": "most"}, 3, 1, "low"),
        ({"people": "most", "amount": "minor", "use": "recommendation"}, 3, 2, "high"),
        ({"amount": "material", "harm": "loss"}, 2, 2, "high"),
        ({"use": "decision", "harm": "lasting"}, 1, 3, "low"),
        ({"eu_category": "high_risk"}, 1, 1, "high"),
        ({"eu_category": "transparency"}, 1, 1, "low"),
    ],
)
def test_the_tier_is_exposure_times_purpose_or_the_category(formula, changes, exposure, purpose, tier):
    found = formula.assess({**LEAST, **changes})
    assert (found.exposure, found.purpose, found.score, found.tier) == (exposure, purpose, exposure * purpose, tier)
    assert found.reasons


def test_more_exposure_or_purpose_never_lowers_the_tier(formula):
    for question in (one for one in formula.questions if one.part):
        for other in formula.questions:
            for choice in (one for one in other.choices if not one.refused):
                answers = {**LEAST, other.key: choice.value}
                scores = [
                    formula.assess({**answers, question.key: one.value}).score
                    for one in sorted(question.choices, key=lambda one: one.points)
                ]
                assert scores == sorted(scores)


def test_no_formula_is_valid_before_the_first_day_of_the_first():
    with pytest.raises(BadInput, match="valid yet"):
        tiering.formula_on(date(2020, 1, 1))


def test_every_formula_is_complete_and_its_files_have_one_version_each():
    found = tiering.formulas()
    assert len({one.version for one in found}) == len(found)
    for one in found:
        assert one.basis
        assert {question.part for question in one.questions} >= set(tiering.PARTS)
        assert tiering.formula_of(one.version) == one


@pytest.fixture
def model(cast):
    cast.publish(tier="high")
    cast.publish(tier="low")
    return cast.model()


def override(cast, model, actor=None, tier="low", reason=SAFE * 2):
    return tier_assessment.ask_override(model_id=model.pk, actor=actor or cast.submitter, tier=tier, reason=reason)


def confirm(row, actor, password=PASSWORD):
    return tier_assessment.confirm_override(
        override_id=row.pk, actor=actor, proof=Proof(password), http_request=web_request()
    )


def test_registration_records_answers_formula_and_reasons(cast, model):
    row = TierAssessment.objects.get()
    assert row.answers == TIER_ANSWERS["high"]
    assert row.formula_digest == tiering.formula_of(row.formula).digest
    assert model.risk_tier == "high"
    assert LedgerEntry.objects.filter(event="approvals.tier.assessed").count() == 1
    assert "Exposure 3 times purpose 3 is 9, at or above 4." in tier_assessment.in_words(model)


def test_outsiders_and_auditors_neither_assess_nor_ask(cast, model):
    for actor in (cast.outsider, cast.auditor, cast.superuser, cast.signers[Role.IT_OPERATIONS]):
        with pytest.raises(NotPermitted):
            tier_assessment.assess(model_id=model.pk, actor=actor, answers=TIER_ANSWERS["low"])
        with pytest.raises(NotPermitted):
            override(cast, model, actor=actor)
    assert TierAssessment.objects.count() == 1


def test_an_override_needs_a_reason_another_tier_and_a_second_officer(cast, model):
    for changes, field in [({"reason": "because"}, "reason"), ({"tier": "high"}, "tier"), ({"tier": "none"}, "tier")]:
        with pytest.raises(BadInput) as caught:
            override(cast, model, **changes)
        assert caught.value.field == field
    officer = cast.signers[Role.RISK_OFFICER]
    mine = override(cast, model, actor=officer)
    with pytest.raises(NotPermitted, match="a second person"):
        confirm(mine, officer)
    permissions.grant(
        actor=cast.superuser, codename=permissions.permission_for(Role.RISK_OFFICER), to=cast.submitter, model=model
    )
    for actor in (cast.submitter, cast.owner, cast.superuser, cast.signers[Role.MODEL_VALIDATOR]):
        with pytest.raises(NotPermitted):
            confirm(mine, actor)
    with pytest.raises(BadInput, match="password"):
        confirm(mine, cast.signers[Role.COMPLIANCE_OFFICER], password="guess")
    assert RegisteredModel.objects.get().risk_tier == "high"
    confirm(mine, cast.signers[Role.COMPLIANCE_OFFICER])
    assert RegisteredModel.objects.get().risk_tier == "low"
    with pytest.raises(NotPermitted, match="already"):
        confirm(mine, cast.signers[Role.COMPLIANCE_OFFICER])
    assert "Overridden by Farah Haddad and Goran Horvat" in tier_assessment.in_words(model)
    assert replaying.differences() == ()


def test_a_change_of_tier_voids_sign_offs_and_asks_for_the_right_policy(cast):
    gates = {"scoping": [{"signoffs": {"role": "business_analyst"}}]}
    cast.publish(gates, tier="low")
    model = cast.model(tier="low")
    version = cast.version(model)
    cast.artifact(version)
    cast.sign(version, Role.BUSINESS_ANALYST)
    tier_assessment.assess(model_id=model.pk, actor=cast.submitter, answers=TIER_ANSWERS["high"])
    assert LedgerEntry.objects.filter(event="approvals.signoff.voided").count() == 1
    with pytest.raises(Refused) as caught:
        cast.advance(version)
    assert [getattr(one, "code", "") for one in caught.value.blockers] == ["policy_of_another_tier", "sign_off_voided"]
    high = cast.publish(gates, tier="high")
    repinning.repin(
        version_id=version.pk, policy_id=high.pk, actor=cast.signers[Role.RISK_OFFICER], reason="It is high tier now."
    )
    cast.sign(version, Role.BUSINESS_ANALYST)
    assert cast.advance(version).stage == "data_review"


def test_a_new_assessment_ends_what_was_asked_about_the_earlier_one(cast, model):
    row = override(cast, model)
    tier_assessment.assess(model_id=model.pk, actor=cast.submitter, answers=TIER_ANSWERS["high"])
    with pytest.raises(NotPermitted, match="assessed again since"):
        confirm(row, cast.signers[Role.COMPLIANCE_OFFICER])


def test_the_card_says_how_the_tier_came_about(cast, model):
    version = cast.version(model)
    facts = subject.model_facts(ModelVersion.objects.select_related("model").get(pk=version.pk))
    assert facts.risk_tier_reason.startswith("Exposure 3 times purpose 3 is 9")


def test_the_database_keeps_answers_and_signed_overrides(cast, model):
    row = override(cast, model)
    confirm(row, cast.signers[Role.COMPLIANCE_OFFICER])
    for change in (
        lambda: TierAssessment.objects.update(tier="low"),
        lambda: TierOverride.objects.update(reason="Another reason than the one that was signed."),
        lambda: TierOverride.objects.update(confirmed_at=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda: TierOverride.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_the_pages_assess_ask_and_confirm(client, cast, model):
    def as_(user):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    at = {name: reverse(f"admin:approvals_registeredmodel_{name}", args=[model.pk]) for name in ("tier", "override")}
    assert as_(cast.outsider).get(at["tier"]).status_code == 404
    assert "Only submitters" in as_(cast.auditor).get(at["override"]).content.decode()
    page = as_(cast.submitter).get(at["tier"]).content.decode()
    assert "How many people" in page
    missing = as_(cast.submitter).post(at["tier"], {"tier_people": "few"}).content.decode()
    assert "Nothing was changed" in missing
    given = {f"tier_{key}": value for key, value in TIER_ANSWERS["low"].items()}
    assert as_(cast.submitter).post(at["tier"], given).status_code == 302
    assert RegisteredModel.objects.get().risk_tier == "low"
    assert as_(cast.submitter).post(at["override"], {"tier": "high", "reason": SAFE * 2}).status_code == 302
    row = TierOverride.objects.get()
    url = reverse("admin:approvals_registeredmodel_confirm_override", args=[model.pk, row.pk])
    officer = cast.signers[Role.RISK_OFFICER]
    home = reverse("admin:approvals_registeredmodel_change", args=[model.pk])
    assert "Confirm…" in as_(officer).get(home).content.decode()
    assert "Confirm…" not in as_(cast.submitter).get(home).content.decode()
    assert "not correct" in as_(officer).post(url, {"password": "guess"}).content.decode()
    assert as_(officer).post(url, {"password": PASSWORD}).status_code == 302
    assert RegisteredModel.objects.get().risk_tier == "high"
