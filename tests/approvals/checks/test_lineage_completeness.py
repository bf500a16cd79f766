"""The lineage that the documentation shows, and what happens when a part of it is missing, wrong, or made to harm."""

import copy
import json
import re
import time
from pathlib import Path

import pytest

from approvals.checks.base import CheckInputError
from approvals.checks.lineage_completeness import LineageCompleteness
from approvals.sandbox import JobDescription, run_measurement

ROOT = Path(__file__).parents[3]
SHOWN = json.loads(
    re.search(r"```json\n(.*?)```", (ROOT / "docs" / "data_lineage.md").read_text("utf-8"), re.DOTALL).group(1)
)
OTHER = "9" * 64


def changed(path="", value=None):
    """The lineage of the documentation with one place changed, such as tables.0.role; None takes it out."""
    document = copy.deepcopy(SHOWN)
    if path:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = document
        for part in way:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return document


@pytest.fixture
def look(measured, judged, piece):
    def run(document, *attached, thresholds=None, **asked):
        reading = measured(LineageCompleteness, piece("data_lineage", document), *attached, **asked)
        return judged(LineageCompleteness, reading, **(thresholds or {})), reading

    return run


def problems(reading):
    return [row for table in reading.tables for row in table.rows if table.title == "What is missing or wrong"]


def test_the_lineage_of_the_documentation_passes(look):
    judgement, reading = look(SHOWN)
    assert (judgement.verdict, problems(reading)) == ("passed", []), judgement.sentences
    datasets = {row[0]: row[1:] for row in reading.tables[0].rows}
    assert datasets["scored"] == ("evaluation", "555555555555", "score", "held out, model", "yes")
    assert [row[1] for row in reading.tables[1].rows] == ["split", "train", "score"]
    assert look(SHOWN)[1] == reading


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("path", "value", "problem"),
        [
            ("sources.0.origin", None, ("loan book", "It states no origin.")),
            ("sources.0.owner", "TBD", ("loan book", "It states no owner.")),
            ("sources.0.lawful_basis", None, ("loan book", "It states no licence or lawful basis.")),
            ("sources.0.period", None, ("loan book", "It states no period.")),
            ("sources.0.sha256", None, ("loan book", "It states no sha256.")),
            ("tables.0.sha256", "", ("training", "It states no sha256.")),
            ("tables.2.sha256", None, ("model", "It states no sha256.")),
            ("transformations.0.code", None, ("transformations[0] split", "It states no code.")),
            ("transformations.0.code", "todo", ("transformations[0] split", "It states no code.")),
            ("transformations.1.code_sha256", "", ("transformations[1] train", "It states no code_sha256.")),
            ("transformations.1.used", [], ("transformations[1] train", "It states no used.")),
            (
                "transformations.0",
                "The rows were split.",
                (
                    "transformations[0] The rows were split.",
                    "It states no used, no generated, no code, no code_sha256.",
                ),
            ),
            (
                "sources.0.personal_data",
                None,
                ("loan book", "It does not say whether it holds personal data."),
            ),
            (
                "sources.0.personal_data.retention",
                None,
                ("loan book", "It holds personal data and states no retention."),
            ),
            ("sources.0.personal_data.purpose", "tbd", ("loan book", "It holds personal data and states no purpose.")),
        ],
    )
    def test_what_is_not_stated_is_named_and_fails(self, look, path, value, problem):
        judgement, reading = look(changed(path, value))
        assert judgement.verdict == "failed"
        assert problem in problems(reading)

    def test_a_table_takes_over_only_what_all_its_origins_state(self, look):
        document = changed("transformations.0.used", ["loan book", "bureau"])
        document["sources"].append({**document["sources"][0], "name": "bureau", "sha256": OTHER, "owner": ""})
        document["sources"][1]["personal_data"] = {"category": "special", "purpose": "Scoring", "retention": "A year"}
        assert ("held out", "It states no owner.") in problems(look(document)[1])
        document["sources"][1]["owner"] = "The bureau"
        assert look(document)[0].verdict == "passed"

    def test_a_lineage_in_prose_fails(self, look):
        prose = {"sources": ["the loan book"], "transformations": ["cleaned"], "sensitive_attributes": ["none"]}
        judgement, _ = look(prose)
        assert judgement.verdict == "failed"
        assert "Roles without a dataset: 2; at most 0 are allowed." in judgement.sentences

    def test_an_empty_lineage_fails(self, look):
        assert look({})[0].verdict == "failed"

    def test_a_role_that_the_policy_asks_for_must_be_there(self, look):
        judgement, reading = look(SHOWN, roles=["reference"])
        assert judgement.verdict == "failed"
        assert ("datasets", "No dataset has the role “reference”.") in problems(reading)

    def test_a_policy_can_ask_for_less_but_not_for_nothing(self, look):
        document = changed("sources.0.origin")
        assert look(document, thresholds={"min_complete_share": 0.2})[0].verdict == "passed"
        names = ("min_complete_share", "max_incomplete_steps", "max_broken_links", "max_gaps_in_personal_data")
        assert look(SHOWN, thresholds=dict.fromkeys(names))[0].verdict == "not_computable"


class TestLinks:
    @pytest.mark.parametrize(
        ("path", "value", "sentence"),
        [
            ("transformations.0.used", ["nothing"], "It uses “nothing”, which is no dataset of this document."),
            ("transformations.1.generated", ["model", "x"], "It makes “x”, which is no dataset of this document."),
            ("transformations.1.generated", ["model", "loan book"], "It makes “loan book”, which is a source."),
            (
                "transformations.1.generated",
                ["held out"],
                "It makes “held out”, which transformations[0] made already.",
            ),
            ("transformations.1.generated", ["held out"], "No step makes “model”, and it is no source."),
            ("transformations.0.used", ["loan book", "model"], "It uses “model” before a step has made it."),
            (
                "transformations.0.used",
                ["loan book", "model"],
                "A dataset is made out of itself: training → model → training.",
            ),
            ("transformations.1.used", ["training", "model"], "A dataset is made out of itself: model → model."),
        ],
    )
    def test_a_link_that_leads_nowhere_or_in_a_circle_is_named_and_fails(self, look, path, value, sentence):
        judgement, reading = look(changed(path, value))
        assert judgement.verdict == "failed"
        assert sentence in [found for _, found in problems(reading)]

    def test_evaluation_data_before_training_data_fail_under_any_policy(self, look):
        document = changed("transformations.1.used", ["training", "held out"])
        judgement, reading = look(document, thresholds={"max_broken_links": None})
        assert judgement.verdict == "failed"
        assert problems(reading) == [("held out", "Training data or the artifact were made out of it.")]

    def test_the_same_digest_for_training_and_evaluation_fails(self, look):
        judgement, reading = look(changed("tables.1.sha256", "2" * 64))
        assert judgement.verdict == "failed"
        assert problems(reading) == [("held out", "It has the same digest as “training”, which was learned from.")]

    @pytest.mark.parametrize("out_of", [["training"], ["training", "model"], ["middle"]])
    def test_evaluation_data_out_of_training_data_alone_fail(self, look, out_of):
        document = changed("transformations.2.used", out_of)
        document["tables"].append({**document["tables"][1], "name": "middle", "role": "intermediate", "sha256": OTHER})
        document["transformations"].insert(
            1, {**document["transformations"][0], "used": ["training"], "generated": ["middle"]}
        )
        judgement, reading = look(document)
        assert judgement.verdict == "failed"
        assert ("scored", "It was made out of training data alone.") in problems(reading)

    def test_what_was_learned_may_serve_to_prepare_evaluation_data(self, look):
        judgement, reading = look(changed("transformations.2.used", ["held out", "training", "model"]))
        assert judgement.verdict == "passed", problems(reading)

    def test_evaluation_data_that_are_a_source_of_training_under_another_name_fail(self, look):
        judgement, _ = look(changed("tables.1.sha256", "1" * 64))
        assert judgement.verdict == "failed"


class TestAttachedFiles:
    @pytest.fixture
    def real(self, piece):
        """The attached files with a lineage that has their digests."""

        def build(**groups):
            files = {
                "training_table": piece("training_table", "y\n1\n"),
                "evaluation_table": piece("evaluation_table", "y\n0\n", details=groups),
                "artifact": piece("artifact", b"the model"),
            }
            document = copy.deepcopy(SHOWN)
            for position, kind in ((0, "training_table"), (3, "evaluation_table"), (2, "artifact")):
                document["tables"][position]["sha256"] = files[kind].sha256.upper()
            return document, files

        return build

    def test_attached_files_with_their_digests_pass(self, look, real, piece):
        document, files = real(groups=["sex", "age_group"])
        record = {"training_table_sha256": files["training_table"].sha256, "held_out_table_sha256": "3" * 64}
        judgement, reading = look(document, *files.values(), piece("training_record", record))
        assert judgement.verdict == "passed", problems(reading)
        assert "training_table.file" in reading.looked_at[1]

    @pytest.mark.parametrize(("position", "kind"), [(0, "training table"), (3, "evaluation table"), (2, "artifact")])
    def test_another_digest_than_that_of_the_attached_file_fails(self, look, real, position, kind):
        document, files = real()
        document["tables"][position]["sha256"] = OTHER
        judgement, reading = look(document, *files.values())
        assert judgement.verdict == "failed"
        assert f"of the attached {kind}." in problems(reading)[0][1]

    def test_a_table_that_the_training_record_names_must_be_in_the_lineage(self, look, piece):
        record = {"bureau_table_sha256": OTHER, "bureau\ud800_table_sha256": None}
        judgement, reading = look(SHOWN, piece("training_record", json.dumps(record)))
        assert judgement.verdict == "failed"
        assert [sentence for _, sentence in problems(reading)] == [
            "No dataset has the digest that the training record gives as bureau_table_sha256.",
            "No dataset has the digest that the training record gives as a table.",
        ]

    def test_columns_of_groups_must_be_declared_sensitive(self, look, real):
        document, files = real(groups=["sex", "region"])
        judgement, reading = look(document, *files.values())
        assert judgement.verdict == "failed"
        assert problems(reading) == [("sensitive_attributes", "The group column “region” is not among them.")]


class TestFilesThatAreNone:
    @pytest.mark.parametrize(
        ("document", "why"),
        [
            ("not json", "is not valid JSON"),
            ("[]", "the document must be an object with named entries, not a list"),
            ('{"sources": [], "sources": []}', "an object names “sources” twice"),
            ('{"sources": Infinity}', "Infinity is no number that JSON knows"),
            ('{"a": ' + "[" * 100_000, "nested too deep"),
            ('{"a": ' + "[" * 90 + "]" * 90 + "}", "more than 60 deep"),
            ({"sources": {}}, "sources must be a list, not an object"),
            ({"sources": [1]}, r"sources\[0\] must be an object with named entries, not a number"),
            ({"sources": [{}]}, r"sources\[0\] has no name"),
            ({"sources": ["a\x00"]}, r"sources\[0\] holds a character that cannot be printed"),
            (changed("tables.1.name", "training"), r"tables\[0\] and tables\[1\] have the same name, “training”"),
            (changed("tables.0.role", "test"), r"tables\[0\].role is “test”; it must be one of source"),
            (changed("tables.0.sha256", "abc"), r"tables\[0\].sha256 is no SHA-256"),
            (changed("tables.0.sha256", True), r"tables\[0\].sha256 must be a text, not true or false"),
            (changed("tables.0.name", "n" * 201), r"tables\[0\].name has 201 characters; at most 200"),
            (changed("sources.0.origin", "o" * 9_000), r"sources\[0\].origin has 9,000 characters"),
            (changed("sources.0.owner", "\udc00"), r"sources\[0\].owner holds a character"),
            (changed("sources.0.period", []), r"sources\[0\].period must be a text, not a list"),
            (changed("sources.0.period.from", "soon"), r"sources\[0\].period must name “from” and “to”"),
            (changed("sources.0.period.to", "2024-02-30"), r"sources\[0\].period must name “from” and “to”"),
            (changed("sources.0.period.to"), r"sources\[0\].period must name “from” and “to”"),
            (changed("sources.0.period.to", "2021"), r"sources\[0\].period ends before it begins"),
            (changed("sources.0.personal_data", "none"), r"sources\[0\].personal_data must be an object"),
            (changed("sources.0.personal_data.category", "secret"), r"category is “secret”; it must be one of none"),
            (changed("transformations.0.used", "loan book"), r"transformations\[0\].used must be a list, not a text"),
            (changed("transformations.0.used", [""]), r"transformations\[0\].used\[0\] names no dataset"),
            (changed("transformations.0.used", [{}]), r"transformations\[0\].used\[0\] must be a text"),
            (changed("transformations.0.code_sha256", "x"), r"code_sha256 is no SHA-256"),
            (changed("sensitive_attributes", [1]), r"sensitive_attributes\[0\] must be an object"),
            ({"sources": ["a"] * 2_001}, "sources has more than 2,000 entries"),
            (
                {
                    "transformations": [
                        {"used": [f"{i}" for i in range(900)], "generated": [f"g{i}" for i in range(900)]}
                    ]
                },
                "link more than 100,000 pairs",
            ),
            (" " * (2 << 20), "larger than the 1 MiB"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_its_place(self, look, document, why):
        with pytest.raises(CheckInputError, match=why) as caught:
            look(document)
        assert caught.value.sentence.endswith(".")
        assert len(caught.value.sentence) < 400

    def test_a_chain_of_two_thousand_steps_in_a_circle_is_judged_in_bounded_time(self, look):
        names = [f"d{place}" for place in range(2_000)]
        tables = [{"name": name, "role": "training"} for name in names]
        steps = [{"used": [names[place - 1]], "generated": [names[place]]} for place in range(2_000)]
        document = {"sources": [], "tables": tables, "transformations": steps}
        begin = time.monotonic()
        judgement, reading = look(document)
        assert time.monotonic() - begin < 20
        assert judgement.verdict == "failed"
        assert all(len(table.rows) <= 500 for table in reading.tables)

    def test_a_training_record_that_is_none_is_refused(self, look, piece):
        with pytest.raises(CheckInputError, match="not valid JSON"):
            look(SHOWN, piece("training_record", "{"))


def test_a_lineage_reaches_the_check_through_the_sandbox(piece, judged):
    job = JobDescription(inputs={"data_lineage": piece("data_lineage", SHOWN)}, parameters={})
    reading = run_measurement(check_key="lineage_completeness", job=job)
    assert judged(LineageCompleteness, reading).verdict == "passed"
