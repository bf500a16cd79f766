"""What a card says of the law beyond the tables: who set the tier, which role the bank has, until when all is kept."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from approvals import evidence, tier_assessment
from approvals.models import ModelVersion
from approvals.policy_document import parse
from approvals.stages import Role
from modelcards import card as c
from modelcards import rendering
from modelcards.card import Card, CardStatus
from modelcards.content.assembly import build
from modelcards.content.retention import months_after, retention, years_after
from portal.reauthentication import Proof
from tests.cast import PASSWORD, SAFE, TIER_ANSWERS, web_request
from tests.modelcards.cards import card, smallest_card

QUESTIONS = {
    "classification": [
        {"key": "eu_role", "text": "Provider or deployer?", "required": False},
        {"key": "market_date", "text": "On which day?", "required": False},
    ]
}
APPROVED = datetime(2026, 3, 24, 10, tzinfo=UTC)


@pytest.fixture
def version(cast):
    cast.publish({"validation": [{"checks": {"check": "local_law_144"}}]}, questionnaires=QUESTIONS)
    return cast.version()


def built(version, **moved):
    """The draft of the version, as it would be after a move that is not made here."""
    fresh = ModelVersion.objects.select_related("model__owner", "policy").get(pk=version.pk)
    for name, value in moved.items():
        setattr(fresh, name, value)
    made = build(fresh, number="", status=CardStatus.DRAFT, now=timezone.now())
    assert Card.from_json(made.as_json()) == made
    return made


def answer(cast, version, **answers):
    evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="classification", answers=answers)


def section(made, name):
    return rendering.html(made).partition(f'<section id="{name}">')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "Nobody was asked for the day, or nobody answered."),
        ("When the pilot ends.", "The answer names no day."),
        ("From 2026-05-01 in Spain, from 2026-06-01 in France.", "The answer names several days."),
        ("On 2026-02-30.", "The answer names a day that no calendar has."),
        ("Order 12026-05-011.", "The answer names no day."),
    ],
)
def test_without_one_day_no_end_of_retention_is_printed(cast, version, text, why):
    if text is not None:
        answer(cast, version, market_date=text)
    article, law = built(version).retention
    assert (article.until, article.counted_from, article.reason) == ("", "", why)
    assert (law.until, law.counted_from) == ("", "")
    assert f"Not stated. {why}" in section(built(version), "rules")


def test_an_approval_tells_before_which_day_retention_cannot_end(version):
    article, _ = built(version, approved_at=APPROVED).retention
    assert article.until == ""
    assert article.reason.endswith("then not before 24 Mar 2036.")


def test_retention_ends_ten_years_after_the_day_that_the_answer_names(cast, version):
    answer(cast, version, eu_role="Provider, for its own use.", market_date="On 2028-02-29, see order 4711.")
    made = built(version, approved_at=APPROVED)
    assert dataclasses.astuple(made.retention[0])[1:] == ("2038-03-01", "2028-02-29", "")
    rules = section(made, "rules")
    assert "<b>01 Mar 2038</b>" in rules
    assert "Provider, for its own use." in rules


def test_article_18_is_not_counted_for_what_is_assessed_as_no_high_risk_system(cast):
    cast.publish({}, tier="low", questionnaires=QUESTIONS)
    version = cast.version(cast.model(tier="low"))
    (article,) = built(version, approved_at=APPROVED).retention
    assert article.until == ""
    assert "By the assessment of the risk tier it is: Neither high-risk nor" in article.reason


def test_the_last_use_of_a_retired_version_ends_its_retention_half_a_year_later(version):
    moved = {"stage": "retired", "stage_entered_at": datetime(2026, 8, 31, 9, tzinfo=UTC)}
    _, law = retention(ModelVersion(model=version.model, **moved), parse(version.policy.text), ())
    assert (law.counted_from, law.until) == ("2026-08-31", "2027-03-01")


def test_days_that_a_month_lacks_become_the_first_of_the_next():
    assert years_after(date(2024, 2, 29)) == date(2034, 3, 1)
    assert months_after(date(2026, 12, 15)) == date(2027, 6, 15)
    assert months_after(date(2026, 6, 30)) == date(2026, 12, 30)


def test_the_card_says_who_set_the_tier_when_and_by_which_answers(cast, version):
    row = tier_assessment.newest(version.model)
    found = built(version).model.risk_tier_assessment
    assert (found.assessed_by, found.formula, found.digest) == ("Sofia Lind", row.formula, row.formula_digest)
    assert found.assessed_at == row.assessed_at.isoformat()
    assert c.Fact("What is it under the EU AI Act?", "High-risk (Article 6, Annex I or III)") in found.answers
    assert len(found.answers) == len(TIER_ANSWERS["high"])
    assert found.overridden is None


def test_an_override_that_nobody_confirmed_is_not_on_the_card_and_one_that_stands_is(cast, version):
    officer, second = cast.signers[Role.RISK_OFFICER], cast.signers[Role.COMPLIANCE_OFFICER]
    row = tier_assessment.ask_override(model_id=version.model_id, actor=officer, tier="low", reason=SAFE)
    assert built(version).model.risk_tier_assessment.overridden is None
    tier_assessment.confirm_override(
        override_id=row.pk, actor=second, proof=Proof(PASSWORD), http_request=web_request()
    )
    found = built(version).model.risk_tier_assessment.overridden
    assert (found.tier, found.reason) == ("Low", SAFE)
    assert found.asked_by != found.confirmed_by


def test_the_card_prints_where_the_model_runs(cast, version):
    assert "No description of where the model runs is attached." in section(built(version), "model")
    cast.attach(
        version, "deployment_target", b"# Target\n\nTwo instances behind the **internal** gateway.", "target.md"
    )
    made = built(version)
    assert "deployment_target" in made.as_json()
    assert "Two instances behind the <strong>internal</strong> gateway." in section(made, "model")


def test_the_tier_is_printed_with_its_override_and_a_model_without_assessment_says_so():
    printed = section(card(), "model")
    for words in ("How the risk tier was set", "More than 100,000", "which gives: Low", "High instead."):
        assert words in printed
    empty = smallest_card()
    bare = dataclasses.replace(empty, model=dataclasses.replace(empty.model, risk_tier_assessment=None))
    assert "nobody has assessed the model by a formula" in section(bare, "model")
    assert '<h3>Retention of the documentation</h3>\n<p class="none">Not stated.</p>' in section(bare, "rules")
