"""Entries of the ledger as people read them on the timeline and the card."""

import pytest

from approvals import ledger_words, timeline
from approvals.events import Event as ApprovalsEvent
from approvals.stages import Role
from modelcards.events import Event as CardsEvent
from monitoring.events import Event as MonitoringEvent

NOT_ABOUT_VERSIONS = (
    "approvals.model.",
    "approvals.role.",
    "approvals.policy.",
    "approvals.delegation.",
    "approvals.tier.",
)


def test_every_event_about_a_version_has_words_of_its_own():
    events = [event.value for kind in (ApprovalsEvent, CardsEvent, MonitoringEvent) for event in kind]
    missing = [e for e in events if e not in ledger_words.WORDS and not e.startswith(NOT_ABOUT_VERSIONS)]
    assert missing == []


@pytest.mark.parametrize("event", sorted(ledger_words.WORDS))
def test_an_entry_of_an_earlier_release_without_facts_is_told_too(event):
    words = ledger_words.sentence(event, {})
    assert words
    assert "None" not in words


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ("approve", "Signed as IT operations (scoping)"),
        ("approve_with_conditions", "Signed with conditions as IT operations (scoping)"),
        ("request_changes", "Changes requested as IT operations (scoping)"),
        ("reject", "Rejection signed as IT operations (scoping)"),
    ],
)
def test_a_decision_is_told_as_what_it_was(decision, words):
    facts = {"decision": decision, "role": "it_operations", "stage": "scoping"}
    assert ledger_words.sentence("approvals.signoff.signed", facts) == words


@pytest.mark.parametrize(
    ("event", "facts", "words"),
    [
        ("approvals.check.requested", {"check": "gone"}, "gone"),
        ("monitoring.monitor.breached", {"monitor": "gone"}, "gone (this portal has no such monitor)"),
        ("monitoring.monitor.breached", {"monitor": "score_drift"}, "Score drift"),
    ],
)
def test_what_this_portal_no_longer_has_is_told_by_its_key(event, facts, words):
    assert words in ledger_words.sentence(event, facts)


def test_the_timeline_of_a_rejected_version_reads_as_it_happened(cast):
    cast.publish({"scoping": [{"signoffs": {"role": "business_analyst"}}]})
    version = cast.version()
    cast.artifact(version)
    cast.sign(version, Role.BUSINESS_ANALYST, decision="reject")
    assert [line.sentence for line in timeline.lines_of(version)] == [
        "The version is rejected",
        "Rejection signed as business analyst (scoping)",
        "Evidence attached: model artifact, model.safetensors",
        "Version registered: 1.0.0",
    ]
