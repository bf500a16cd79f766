import hashlib

import pytest

from approvals.checks.base import CheckInputError
from approvals.checks.digest_match import DigestMatch
from approvals.sandbox import JobDescription, run_measurement

MODEL = b"the model"
DIGEST = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def look(measured, judged, piece):
    def run(*, record=DIGEST, table=DIGEST, made_with=DIGEST, pinned=DIGEST, required=("training_record",), spoil=""):
        pieces = {"artifact": piece("artifact", MODEL, artifact_sha256="")}
        if record is not None:
            pieces["training_record"] = piece("training_record", {"artifact_sha256": record}, artifact_sha256=made_with)
        if table is not None:
            pieces["evaluation_table"] = piece("evaluation_table", "y,p\n0,1\n", artifact_sha256=table)
        if spoil:
            pieces[spoil].path.write_text("changed behind the portal's back")
        if spoil == "training_record":
            pieces[spoil].path.write_text('{"artifact_sha256": "' + DIGEST + '" }')
        reading = measured(
            DigestMatch, *pieces.values(), facts={"version": {"artifact": pinned}}, required=list(required)
        )
        return judged(DigestMatch, reading)

    return run


def test_one_artifact_everywhere_passes(look):
    judgement = look()
    assert judgement.verdict == "passed"
    assert judgement.sentences == ("All 7 digests agree.",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spoil": "artifact"}, "Digest of the stored artifact is"),
        ({"spoil": "training_record"}, "Digest of the stored training record is"),
        ({"spoil": "evaluation_table"}, "Digest of the stored evaluation table is"),
        ({"record": "b" * 64}, "Artifact that the training record names is bbbbbbbbbbbb"),
        ({"record": ""}, "Artifact that the training record names is none"),
        ({"made_with": "c" * 64}, "Artifact that the training record was made with is cccccccccccc"),
        ({"table": "d" * 64}, "Artifact that the evaluation table was made with is dddddddddddd"),
        ({"pinned": "e" * 64}, "expected is eeeeeeeeeeee"),
    ],
)
def test_another_artifact_anywhere_fails(look, changes, words):
    judgement = look(**changes)
    assert judgement.verdict == "failed"
    assert words in " ".join(judgement.sentences)


def test_a_missing_record_is_not_computable(look):
    judgement = look(record=None)
    assert judgement.verdict == "not_computable"
    assert judgement.sentences[0].endswith("no training record is attached.")
    assert look(record=None, required=()).verdict == "passed"


def test_a_difference_outweighs_what_is_missing(look):
    assert look(record=None, table="d" * 64).verdict == "failed"


def test_digests_are_compared_in_one_spelling(look):
    assert look(record=DIGEST.upper()).verdict == "passed"


def test_a_record_that_names_two_artifacts_is_not_read_as_either(measured, piece):
    record = f'{{"artifact_sha256": "{"b" * 64}", "artifact_sha256": "{DIGEST}"}}'
    pieces = (piece("artifact", MODEL, artifact_sha256=""), piece("training_record", record, artifact_sha256=DIGEST))
    with pytest.raises(CheckInputError, match="an object names “artifact_sha256” twice"):
        measured(DigestMatch, *pieces, facts={"version": {"artifact": DIGEST}})


def test_changed_bytes_reach_the_check_through_the_sandbox(piece):
    artifact = piece("artifact", MODEL, artifact_sha256="")
    artifact.path.write_text("changed behind the portal's back")
    job = JobDescription(
        inputs={"artifact": artifact}, facts={"version": {"artifact": DIGEST}}, parameters={"required": []}
    )
    reading = run_measurement(check_key="digest_match", job=job)
    assert DigestMatch().judge(reading, DigestMatch.Thresholds()).verdict == "failed"
