"""Policies: drafted by one, published by another, numbered, never changed; versions keep the one they began with."""

from dataclasses import fields
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import Permission

from approvals import checks, permissions, publishing
from approvals.models import ModelVersion, Policy
from approvals.policy_document import digest_of, parse
from approvals.stages import REVIEW_STAGES
from portal.errors import BadInput, NotPermitted, Refused, Stale
from portal.models import LedgerEntry

GOOD: dict[str, Any] = {
    "name": "a-policy",
    "title": "A policy",
    "tier": "high",
    "approval_valid_days": 365,
    "gates": {stage.value: [] for stage in REVIEW_STAGES},
}


def text(**changes):
    return yaml.safe_dump({**GOOD, **changes}, sort_keys=False)


@pytest.fixture
def drafted(cast):
    return publishing.draft(actor=cast.author, text=text())


@pytest.mark.parametrize("who", ["outsider", "auditor", "submitter", "owner", "publisher"])
def test_who_may_not_write_writes_nothing(cast, who):
    with pytest.raises(NotPermitted):
        publishing.draft(actor=getattr(cast, who), text=text())
    assert not Policy.objects.exists()


@pytest.mark.parametrize("who", ["outsider", "auditor", "submitter", "author"])
def test_who_may_not_publish_publishes_and_retires_nothing(cast, drafted, who):
    with pytest.raises(NotPermitted):
        publishing.publish(policy_id=drafted.pk, actor=getattr(cast, who), seen_digest=drafted.digest)
    with pytest.raises(NotPermitted):
        publishing.retire(policy_id=drafted.pk, actor=getattr(cast, who))
    assert Policy.objects.get().status == "draft"


def test_not_even_a_superuser_publishes_what_they_wrote(cast):
    drafted = publishing.draft(actor=cast.superuser, text=text())
    with pytest.raises(NotPermitted, match="a second person does"):
        publishing.publish(
            policy_id=drafted.pk, actor=cast.superuser, seen_digest=Policy.objects.get(pk=drafted.pk).digest
        )


def test_a_later_hand_does_not_make_a_draft_somebody_elses(cast, drafted):
    publishing.draft(actor=cast.superuser, text=text(title="Another title"), policy_id=drafted.pk)

    cast.author.user_permissions.add(Permission.objects.get(codename="publish_policy"))
    author = type(cast.author).objects.get(pk=cast.author.pk)
    for writer in (author, cast.superuser):
        with pytest.raises(NotPermitted, match="a second person does"):
            publishing.publish(policy_id=drafted.pk, actor=writer, seen_digest=Policy.objects.get(pk=drafted.pk).digest)
    assert (
        publishing.publish(
            policy_id=drafted.pk, actor=cast.publisher, seen_digest=Policy.objects.get(pk=drafted.pk).digest
        ).number
        == 1
    )


def test_a_published_policy_never_changes_and_is_published_once(cast, drafted):
    published = publishing.publish(
        policy_id=drafted.pk, actor=cast.publisher, seen_digest=Policy.objects.get(pk=drafted.pk).digest
    )
    with pytest.raises(Refused, match="never changes"):
        publishing.draft(actor=cast.author, text=text(title="Other"), policy_id=published.pk)
    with pytest.raises(Refused, match="Only a draft"):
        publishing.publish(
            policy_id=published.pk, actor=cast.publisher, seen_digest=Policy.objects.get(pk=published.pk).digest
        )
    row = Policy.objects.get()
    assert (row.title, row.digest, row.text) == ("A policy", drafted.digest, text())


def test_what_was_rewritten_after_it_was_shown_is_not_published(cast, drafted):
    publishing.draft(actor=cast.author, text=text(gates={}), policy_id=drafted.pk)
    with pytest.raises(Stale, match="rewritten after it was shown"):
        publishing.publish(policy_id=drafted.pk, actor=cast.publisher, seen_digest=drafted.digest)
    assert Policy.objects.get().status == "draft"


def test_numbers_count_up_within_a_name(cast):
    numbers = []
    for name in ("a", "b", "a", "a"):
        drafted = publishing.draft(actor=cast.author, text=text(name=name))
        published = publishing.publish(
            policy_id=drafted.pk, actor=cast.publisher, seen_digest=Policy.objects.get(pk=drafted.pk).digest
        )
        numbers.append((published.name, published.number))
    assert numbers == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]


def test_a_wrong_text_leaves_the_draft_as_it_was(cast, drafted):
    with pytest.raises(BadInput):
        publishing.draft(actor=cast.author, text=text(tier="none"), policy_id=drafted.pk)
    assert Policy.objects.get().text == text()
    assert LedgerEntry.objects.filter(event="approvals.policy.drafted").count() == 1


def test_g14_versions_keep_their_policy_and_new_ones_get_the_newest_that_is_not_retired(cast):
    first = cast.publish()
    model = cast.model()
    early = cast.version(model, number="1")
    second = cast.publish()
    later = cast.version(model, number="2")
    assert (early.policy, later.policy) == (first, second)
    publishing.retire(policy_id=second.pk, actor=cast.publisher)
    with pytest.raises(Refused, match="Only a published policy"):
        publishing.retire(policy_id=second.pk, actor=cast.publisher)
    assert cast.version(model, number="3").policy == first
    assert ModelVersion.objects.get(pk=later.pk).policy == second
    publishing.retire(policy_id=first.pk, actor=cast.publisher)
    with pytest.raises(Refused, match="No policy is published for the high tier"):
        cast.version(model, number="4")


def test_a_draft_pins_nothing(cast, drafted):
    model = cast.model()
    with pytest.raises(Refused, match="No policy is published"):
        cast.version(model)
    assert permissions.may_submit(cast.submitter, model)


def asking(check, parameters=None, **thresholds):
    entry = {"check": check, "thresholds": thresholds, **({"parameters": parameters} if parameters else {})}
    return text(gates={**GOOD["gates"], "validation": [{"checks": entry}]})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            asking("performance", min_roc_auc=0.7, max_mae=5),
            "asked for min_roc_auc, which binary tables have, and for max_mae, which regression tables have; no table",
        ),
        (asking("performance", min_f1=0.5, min_f1_macro=0.5), "which multiclass tables have"),
        (asking("calibration", max_ece=0.1, max_mean_error=5), "which regression tables have"),
        (
            asking("group_fairness", {"favourable_class": "good"}, max_mae_difference_between_groups=1.0),
            "favourable_class",
        ),
        (asking("stability_over_time", min_window_accuracy=0.5, max_window_mae=3), "binary and multiclass tables"),
        (asking("decision_cost", {"false_positive": 1.0}, max_excess_over_constant=0.0), "no table has all of these"),
    ],
)
def test_a_policy_that_asks_one_check_for_two_kinds_of_tables_is_not_written(cast, asked, words):
    with pytest.raises(BadInput) as caught:
        publishing.draft(actor=cast.author, text=asked)
    assert words in str(caught.value)
    assert not Policy.objects.exists()


def test_what_one_kind_of_table_has_is_written(cast):
    publishing.draft(actor=cast.author, text=asking("performance", min_accuracy=0.7, min_f1_macro=0.5, min_rows=10))
    publishing.draft(actor=cast.author, text=asking("performance", max_mae=7, min_r2=0.5))
    assert Policy.objects.count() == 2


def test_a_draft_from_before_that_asks_for_two_kinds_is_not_published_and_stays_readable(cast, drafted):
    before = asking("performance", min_roc_auc=0.7, max_mae=5)
    Policy.objects.filter(pk=drafted.pk).update(text=before, digest=digest_of(before))
    assert parse(before).check_requirements()["performance"].thresholds == {"min_roc_auc": 0.7, "max_mae": 5}
    with pytest.raises(BadInput, match="no table has all of these"):
        publishing.publish(policy_id=drafted.pk, actor=cast.publisher, seen_digest=digest_of(before))


@pytest.mark.parametrize("key", sorted(checks.load()))
def test_kinds_are_said_of_settings_that_exist(key):
    check = checks.find(key)
    names = {item.name for part in (check.Parameters, check.Thresholds) for item in fields(part)}
    known = {"binary", "multiclass", "regression"}
    assert all(set(kinds) <= known and kinds for name, kinds in check.kinds_of_settings.items() if name in names)
