"""Coverage of frameworks is computed from what a policy asks; templates ask for all; round trips lose nothing."""

from pathlib import Path

import pytest
import yaml
from django.urls import reverse

from approvals import checks, coverage
from approvals.models import EvidenceKind
from approvals.policy_changes import changes, settings_in_words
from approvals.policy_document import parse
from approvals.stages import REVIEW_STAGES, Role
from monitoring import monitors

TEMPLATES = Path(coverage.TEMPLATES)
FRAMEWORKS = [pytest.param(framework, id=framework.key) for framework in coverage.frameworks()]
HIGH = parse((TEMPLATES / "high_tier.yaml").read_text("utf-8"))
LOW = parse((TEMPLATES / "low_tier.yaml").read_text("utf-8"))


def test_the_frameworks_of_the_issue_are_there():
    assert {one.key for one in coverage.frameworks()} == {
        "sr_26_2",
        "eu_ai_act_annex_iv",
        "nyc_local_law_144",
        "nist_ai_rmf",
        "iso_iec_42001",
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
class TestEveryFramework:
    def test_it_says_where_it_holds_from_when_and_by_which_source(self, framework):
        assert framework.jurisdiction
        assert framework.source
        assert framework.valid_from.year >= 2023
        assert len({clause.id for clause in framework.clauses}) == len(framework.clauses)

    def test_each_need_names_something_that_exists(self, framework):
        known = {
            "evidence": set(EvidenceKind.values),
            "check": set(checks.load()),
            "mitigation": set(checks.load()),
            "sign_off": set(Role.values),
            "monitor": set(monitors.load()),
            "answers": {*HIGH.questionnaires, *framework.questionnaires},
            "findings": {"any"},
            "rule": {"waivers", "yearly"},
        }
        for clause in framework.clauses:
            assert clause.needs, clause.id
            for kind, subject in clause.needs:
                assert kind == "portal" or subject in known[kind], (clause.id, kind, subject)

    def test_no_text_claims_conformity(self, framework):
        words = " ".join((framework.title, framework.note, *(clause.title for clause in framework.clauses))).lower()
        assert "compliant" not in words
        assert "complies" not in words

    @pytest.mark.parametrize("tier", ["high", "low"])
    def test_its_template_is_a_policy_that_covers_every_clause(self, framework, tier):
        document = parse(coverage.template(framework, tier=tier))
        assert document.tier == tier
        assert set(document.gates) == set(REVIEW_STAGES)
        assert [row.clause.id for row in coverage.coverage(framework, document) if not row.covered] == []


@pytest.mark.parametrize("document", [HIGH, LOW], ids=["high", "low"])
def test_a_policy_written_out_and_read_again_is_the_same_policy(document):
    again = parse(yaml.safe_dump(document.as_policy(), sort_keys=False, allow_unicode=True))
    assert again == document
    assert changes(document, again) == ()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_template_written_out_and_read_again_is_the_same_policy(framework):
    document = parse(coverage.template(framework, tier="low"))
    assert parse(yaml.safe_dump(document.as_policy(), sort_keys=False, allow_unicode=True)) == document


def test_what_a_policy_leaves_out_is_not_covered():
    policy = HIGH.as_policy()
    policy["gates"]["validation"] = [one for one in policy["gates"]["validation"] if "signoffs" not in one]
    policy.pop("waivers")
    document = parse(yaml.safe_dump(policy))
    words = {row.clause.id: row.word for row in coverage.coverage(coverage.find("sr_26_2"), document)}
    assert words["effective-challenge"] == "Partly covered"
    assert words["exceptions"] == "Not covered"
    assert words["purpose-and-use"] == "Covered"


def test_one_of_several_roles_is_no_signature_of_a_named_one():
    policy = HIGH.as_policy()
    policy["gates"]["validation"][-1] = {"signoffs": {"any_of": ["model_validator", "data_steward"]}}
    document = parse(yaml.safe_dump(policy))
    found = {row.clause.id: row.covered for row in coverage.coverage(coverage.find("sr_26_2"), document)}
    assert not found["conceptual-soundness"]


def test_pages_show_coverage_and_begin_a_draft_from_a_template(client, cast):
    policy = cast.publish()
    client.force_login(cast.author, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("admin:approvals_policy_change", args=[policy.pk])).content.decode()
    assert "SR 26-2, model risk management" in page
    url = reverse("admin:approvals_policy_coverage", args=[policy.pk, "sr_26_2"])
    table = client.get(url).content.decode()
    assert "nothing asks for it" in table
    assert "SR 11-7" in table
    assert client.get(reverse("admin:approvals_policy_coverage", args=[policy.pk, "unknown"])).status_code == 404
    begin = client.get(reverse("admin:approvals_policy_templates")).content.decode()
    assert "framework=nyc_local_law_144" in begin
    form = client.get(f"{reverse('admin:approvals_policy_draft')}?framework=nyc_local_law_144&tier=low")
    text = form.context["form"].initial["text"]
    assert parse(text).name == "low-nyc-local-law-144"
    client.force_login(cast.outsider, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("admin:approvals_policy_templates")).status_code == 403


def test_names_of_columns_and_values_are_shown_as_they_are_written():
    shown = dict(
        settings_in_words(
            {
                "attributes": [["age_group"], ["sex", "age_group"]],
                "columns": {"age_group": {"type": "text", "at_least": 18, "allowed": ["25_or_under"]}},
                "class_costs": {"very_bad": {"not_good": 2}},
                "time": "decided_at",
                "settled_states": ["not_affected"],
            }
        )
    )
    assert shown == {
        "Attributes": "age_group, sex × age_group",
        "Columns": "age_group: type: text; at least: 18; allowed: 25_or_under",
        "Class costs": "very_bad: not_good: 2",
        "Time": "decided_at",
        "Settled states": "not affected",
    }
