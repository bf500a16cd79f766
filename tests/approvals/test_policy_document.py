"""A policy in YAML means what a reviewer reads, or it is refused with the place that is wrong."""

import tracemalloc
from typing import Any

import pytest
import yaml

from approvals.plain_yaml import LONGEST_TEXT
from approvals.policy_document import PolicyDocument, parse
from approvals.stages import REVIEW_STAGES, Stage
from portal.errors import BadInput

NOTHINGS: tuple[Any, ...] = (False, 0, "", [])
GOOD: dict[str, Any] = {
    "name": "a-policy",
    "title": "A policy",
    "tier": "high",
    "approval_valid_days": 365,
    "questionnaires": {"use": [{"key": "who", "text": "Who uses it?"}]},
    "gates": {stage.value: [] for stage in REVIEW_STAGES},
}


def written(**changes):
    return yaml.safe_dump({**GOOD, **changes}, sort_keys=False)


def refusal(text):
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.field == "text"
    return caught.value.sentence


def test_a_good_policy_is_read():
    text = written(
        gates={
            **GOOD["gates"],
            "scoping": [{"answers": {"section": "use"}}, {"signoffs": {"role": "risk_officer", "people": 2}}],
            "validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}],
        },
        basis=["SR 26-2"],
    )
    document = parse(text)
    assert isinstance(document, PolicyDocument)
    assert set(document.gates) == set(REVIEW_STAGES)
    assert [requirement.key for requirement in document.gates[Stage.SCOPING]] == ["answers", "signoffs"]
    assert document.gates[Stage.SCOPING][1].as_policy() == {"role": "risk_officer", "people": 2}
    assert document.basis == ("SR 26-2",)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_an_alias_bomb_is_refused_without_being_unfolded():
    tracemalloc.start()
    assert "anchors (&) and aliases (*) are not accepted" in refusal(BOMB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"title: &t x\n{written()}", "line 1, column 8: anchors (&) and aliases (*) are not accepted"),
        (f"{written()}tier: low\n", "the entry “tier” stands here twice"),
        (
            written().replace("  scoping: []\n", "  scoping: []\n  scoping: []\n"),
            "the entry “scoping” stands here twice",
        ),
        (f"{written()}basis: !!python/object/apply:os.system ['true']\n", "tags (!) are not accepted"),
        (f"{written()}basis: !!set {{a, b}}\n", "tags (!) are not accepted"),
        (f"<<: {{tier: low}}\n{written()}", "the name of an entry must be text"),
        (written() + "# closed\u2028  data_review: []\n", "invisible character U+2028"),
        (written() + "# closed\x85  data_review: []\n", "invisible character U+0085"),
        (written() + "# closed\r  data_review: []\n", "invisible character U+000D"),
        (written() + "# \u202e]:gnihton\n", "invisible character U+202E"),
        (written().replace("A policy", '"T \\ud800"'), "cannot be kept (U+D800)"),
        (written().replace("A policy", '"T \\0"'), "cannot be kept (U+0000)"),
        (written().replace("365", "0365"), "write “0365” as a plain number"),
        (written().replace("365", "6:5"), "write “6:5” as a plain number"),
        (written().replace("365", "0b11"), "write “0b11” as a plain number"),
        (written().replace("365", "3_65"), "write “3_65” as a plain number"),
        (f"{written()}1: x\n", "the name of an entry must be text"),
        (f"{written()}? [a]\n: x\n", "the name of an entry must be text"),
        (f"{written()}on: x\n", "the name of an entry must be text"),
        (f"{written()}basis: {'[' * 40}{']' * 40}\n", "nested more than 20 levels deep"),
        (f"{written()}--- \nname: second\n", "line"),
        ("name: [", "not valid YAML: line 1"),
        ("name: \x00", "Line 1 holds the invisible character U+0000"),
        ("", "must be a YAML mapping"),
        ("- a\n- b\n", "must be a YAML mapping"),
        ("just words", "must be a YAML mapping"),
        (written() + "#" * LONGEST_TEXT, "longer than 200,000 characters"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_reads_otherwise_than_it_means_is_refused_with_its_place(text, sentence):
    assert sentence in refusal(text)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "needs “name” as text"),
        ({"name": 7}, "needs “name” as text"),
        ({"name": "a policy/../x"}, "letters, digits, hyphens and underscores"),
        ({"title": None}, "needs “title” as text"),
        ({"title": "t" * 161}, "at most 160 characters"),
        ({"tier": "medium"}, "needs “tier”, one of high, low"),
        ({"approval_valid_days": 0}, "a whole number from 1 to 3650"),
        ({"approval_valid_days": True}, "a whole number from 1 to 3650"),
        ({"approval_valid_days": 1.5}, "a whole number from 1 to 3650"),
        ({"approval_valid_days": "365"}, "a whole number from 1 to 3650"),
        ({"basis": "SR 26-2"}, "basis must be a list of texts"),
        ({"gates": []}, "gates must map stages"),
        ({"gates": {"monitoring": []}}, "“monitoring” is no stage with a gate"),
        ({"gates": {"scoping": None}}, "The gate of scoping must be a list; write []"),
        ({"gates": {"scoping": [{"wishes": {}}]}}, "Gate scoping, item 1: there is no requirement kind “wishes”"),
        ({"gates": {"scoping": [{"signoffs": None}]}}, "must be names with values"),
        ({"gates": {"scoping": [{"signoffs": {"role": "king"}}]}}, "there is no role “king”"),
        ({"gates": {"scoping": [{"signoffs": {"role": "risk_officer", "people": 0}}]}}, "from 1 to 9"),
        ({"gates": {"scoping": [{"signoffs": {"role": "risk_officer", "people": True}}]}}, "from 1 to 9"),
        ({"gates": {"scoping": [{"signoffs": {"role": "risk_officer", "peoples": 2}}]}}, "unknown entries: peoples"),
        ({"gates": {"scoping": [{"evidence": {"kind": "poem"}}]}}, "there is no evidence kind “poem”"),
        ({"gates": {"scoping": [{"findings": {"at_or_above": "bad"}}]}}, "there is no severity “bad”"),
        ({"gates": {"scoping": [{"answers": {"section": "none"}}]}}, "“none”, which is not defined"),
        ({"gates": {"scoping": [{"mitigations": {"check": "fairness"}}]}}, "a check that no gate asks"),
        (
            {"gates": {"scoping": [{"checks": {"check": "performance", "thresholds": {"min_acuracy": 0.6}}}]}},
            "min_acuracy",
        ),
        (
            {"gates": {"scoping": [{"checks": {"check": "performance", "accept_warning": "yes"}}]}},
            "accept_warning must be true or false",
        ),
        (
            {"gates": {stage: [{"checks": {"check": "performance"}}] for stage in ("scoping", "validation")}},
            "performance is asked twice",
        ),
        (
            {"gates": {"scoping": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": None}}}]}},
            "min_accuracy has no value",
        ),
        *(
            ({"gates": {"scoping": [{"checks": {"check": "performance", "thresholds": nothing}}]}}, "must be lists")
            for nothing in NOTHINGS
        ),
        (
            {"gates": {"scoping": [{"signoffs": {"role": "risk_officer"}}, {"signoffs": {"role": "risk_officer"}}]}},
            "asks twice for risk_officer",
        ),
        ({"questionnaires": {"a/b": [{"key": "who", "text": "Who?"}]}}, "“a/b” takes at most 60 letters"),
        ({"questionnaires": {"use": [{"key": "a b", "text": "Who?"}]}}, "the key takes at most 60 letters"),
        ({"questionnaires": {"use": []}}, "must be a list of questions"),
        ({"questionnaires": {"use": [{"key": "who"}]}}, "needs “key” and “text” as text"),
        ({"questionnaires": {"use": [{"key": "a", "text": "A?"}] * 2}}, "anchors|uses a key twice"),
        ({"questionnaires": {"use": [{"key": "a", "text": "A?", "required": "no"}]}}, "required must be true or false"),
        ({"questionnaires": {"use": [{"key": "a", "text": "A?", "min_length": -1}]}}, "min_length must be"),
        ({"questionnaires": {"use": [{"key": "a", "text": "A?", "weight": 1}]}}, "unknown entries: weight"),
        ({"monitors": [{"every_days": 30}]}, "each name a “monitor”"),
        ({"monitors": [{"monitor": "score_drift", "colour": "red"}]}, "unknown entries: colour"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=str,
)
def test_every_wrong_entry_is_named(changes, sentence):
    said = refusal(written(**changes))
    assert any(part in said for part in sentence.split("|")), said


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e400", "9007199254740993", "0x"])
def test_a_number_that_no_digest_can_hold_is_refused(number):
    text = written(gates={**GOOD["gates"], "validation": "HERE"}).replace(
        "HERE", f"[{{checks: {{check: performance, thresholds: {{min_accuracy: {number}}}}}}}]"
    )
    refusal(text)


def test_a_date_stays_the_text_that_stands_there():
    assert parse(written() + "basis: ['2026-04-17', 2026-04-17]\n").basis == ("2026-04-17", "2026-04-17")
