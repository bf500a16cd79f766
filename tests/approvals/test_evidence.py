"""What people attach: the wrong user first, then everything that is not what it claims. Nothing is half written."""

import io
from pathlib import Path

import duckdb
import pytest
from django.conf import settings

from approvals import evidence
from approvals.models import Answer, Evidence, StoredFile
from approvals.stages import Role
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry
from tests.cast import TABLE, tiny_safetensors, tiny_table

LINEAGE = b'{"sources": [%s], "transformations": ["none"], "lawful_basis": "x", "sensitive_attributes": ["none"]}'
PICKLE = b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."


class Zeros(io.BytesIO):
    """A stream of so many bytes that no memory holds them at once."""

    def __init__(self, size):
        super().__init__()
        self.left = size

    def read(self, size: int | None = -1):
        """The next bytes."""
        given = min(self.left, size if size and size > 0 else 1 << 20)
        self.left -= given
        return b"a" * given


@pytest.fixture
def version(cast):
    cast.publish(questionnaires={"use": [{"key": "who", "text": "Who uses it?"}]})
    return cast.version()


@pytest.fixture
def store():
    """Files in the store, as they are before and after."""

    def files():
        root = Path(settings.VAR) / "uploads"
        return {path for path in root.rglob("*") if path.is_file()} if root.exists() else set()

    return files


def test_only_a_submitter_attaches_and_the_refusal_is_recorded(cast, version):
    for user in (cast.outsider, cast.auditor, cast.superuser, cast.signers[Role.RISK_OFFICER]):
        with pytest.raises(NotPermitted, match="Only a submitter"):
            evidence.attach(
                version_id=version.pk,
                actor=user,
                kind="artifact",
                stream=io.BytesIO(tiny_safetensors()),
                name="model.safetensors",
            )
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 4
    assert not Evidence.objects.exists()


def test_the_validator_attaches_the_report_and_nothing_else(cast, version):
    validator = cast.signers[Role.MODEL_VALIDATOR]
    report = io.BytesIO(b"# Report\n\nFine.")
    evidence.attach(version_id=version.pk, actor=validator, kind="validation_report", stream=report, name="report.md")
    with pytest.raises(NotPermitted):
        evidence.attach(
            version_id=version.pk, actor=validator, kind="monitoring_plan", stream=io.BytesIO(b"Plan."), name="p.md"
        )


@pytest.mark.parametrize("name", ["model.pkl", "model.safetensors", "model.skops", "model.onnx", "model.joblib"])
def test_a_pickle_is_refused_under_any_name(cast, version, store, name):
    before = store()
    with pytest.raises(BadInput, match="not accepted"):
        cast.attach(version, "artifact", PICKLE, name)
    assert not Evidence.objects.exists()
    assert not StoredFile.objects.exists()
    assert store() == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (b"id,sex,age_group,amount,y_true,y_score,y_pred\n", "no rows"),
        (b"a,b\n1,2\n", "The table has no column y_true"),
        (b"a,a\n1,2\n", "more than one column named “a”"),
        (b'{"a": 1}\n{"b": 2}\n', "not a table"),
        (b"<html>\n<body>\n", "not a table"),
        (b"\xff\xfe\x00\x01\n", "UTF-8|not a table"),
    ],
)
def test_a_table_that_is_none_is_refused_with_a_sentence(cast, version, content, why):
    cast.artifact(version)
    with pytest.raises(BadInput, match=why):
        cast.attach(version, "evaluation_table", content, "evaluation.csv", **TABLE)
    assert Evidence.objects.count() == 1


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"kind": "ordinal"}, "must say binary, multiclass or regression as its kind"),
        ({"kind": "regression", "score": "y_score"}, "“score”, which means something for binary tables only"),
        ({"kind": "regression", "favourable": 1}, "“favourable”, which means something for binary tables only"),
        ({"kind": "regression", "class_scores": {"1": "y_score"}}, "means something for multiclass tables only"),
        ({"class_scores": {"1": "y_score"}}, "means something for multiclass tables only"),
        ({"kind": "multiclass", "class_scores": ["y_score"]}, "must name one score column for each class"),
        ({"kind": "multiclass", "class_scores": {"1": "p_one"}}, "The table has no column p_one"),
        ({"slices": ["women"]}, "must give slices by name, at most 100"),
        ({"slices": {f"slice {number}": {"sex": "f"} for number in range(101)}}, "at most 100"),
        ({"slices": {"women": "f"}}, "The slice “women” needs columns with their values"),
        ({"slices": {"young": {"amount": {"below": "30"}}}}, "a value, a list of values, or ends by"),
        ({"slices": {"young": {"amount": {"below": float("inf")}}}}, "a value, a list of values, or ends by"),
        ({"slices": {"": {"sex": "f"}}}, "name of a slice must be a text of 1 to 100 characters"),
        ({"slices": {"old": {"age": {"above": 70}}}}, "The table has no column age"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_at_upload(cast, version, declared, why):
    cast.artifact(version)
    columns = {"label": "y_true", "prediction": "y_pred", **declared}
    with pytest.raises(BadInput, match=why) as caught:
        cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **columns)
    assert caught.value.field == "details"
    assert Evidence.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("data_lineage", b"not json", "not valid JSON"),
        ("data_lineage", b"[1]", "one object"),
        ("data_lineage", b'{"sources": []}', "does not state"),
        ("data_lineage", LINEAGE % b'{"name": "a", "sha256": "b"}', r"document: sources\[0\].sha256 is no SHA-256"),
        ("data_lineage", LINEAGE % b'"a", "a"', r"sources\[0\] and sources\[1\] have the same name"),
        ("data_lineage", LINEAGE % b'{"name": "a", "name": "b"}', "an object names “name” twice"),
        ("risk_register", b"[" * 100_000, "not valid JSON"),
        ("training_record", b'{"seed": 1, "seed": 2}', "an object names “seed” twice"),
        ("bill_of_materials", b'{"bomFormat": "SPDX"}', "its bomFormat is not CycloneDX"),
        ("bill_of_materials", b'{"a": ' + b"[" * 100_000, "document is not valid JSON: it is nested too deep"),
        ("bill_of_materials", b"[{}, " * 100_000, "line 1 has more than 20,000 characters"),
        ("bill_of_materials", b'{"a": [' + b"[]," * 5_000_000 + b"[]]}", "its bomFormat is not CycloneDX"),
        ("bill_of_materials", b"-r other.txt", "refers to another file"),
        ("bill_of_materials", b"%PDF-1.7", "line 1 is no requirement"),
        ("monitoring_plan", b"\xff\xd8\xff\xe0picture", "PDF or a text file"),
    ],
)
def test_a_document_that_is_none_is_refused_with_a_sentence(cast, version, kind, content, why):
    with pytest.raises(BadInput, match=why):
        cast.attach(version, kind, content, "document")
    assert not Evidence.objects.exists()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'{"bomFormat": "CycloneDX", "specVersion": "1.7", "components": [{"name": "numpy"}]}', "vnd.cyclonedx+json"),
        (b"numpy==2.1.0\n", "text/plain"),
    ],
)
def test_a_bill_of_materials_is_kept_as_what_it_is(cast, version, content, media_type):
    assert cast.attach(version, "bill_of_materials", content, "bill").media_type.endswith(media_type)


def test_a_file_of_100_mb_is_refused_and_leaves_nothing(cast, version, store):
    before = store()
    with pytest.raises(BadInput, match="larger than the 64 MB"):
        evidence.attach(
            version_id=version.pk, actor=cast.submitter, kind="training_table", stream=Zeros(100_000_000), name="t.csv"
        )
    assert store() == before
    assert not Evidence.objects.exists()


def parquet(path, columns):
    """A Parquet file of one row with these columns."""
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {', '.join(f'1 AS {name}' for name in columns)}) TO '{path}' (FORMAT parquet)"
        )
    return path.read_bytes()


def test_a_parquet_table_is_judged_by_its_columns_before_it_replaces_a_good_one(cast, version, tmp_path, store):
    cast.artifact(version)
    declared = ["id", "sex", "age_group", "amount", "y_true", "y_score", "y_pred"]
    good = parquet(tmp_path / "good", declared)
    cast.attach(version, "evaluation_table", good, "evaluation.parquet", **TABLE)
    before = store()
    for content, why in [
        (b"PAR1xxxxPAR1", "“evaluation.parquet” cannot be read: it is damaged"),
        (good[:-40], "cannot be read"),
        (parquet(tmp_path / "other", ["a", "b"]), r"no column y_true.* Its columns are: a, b"),
    ]:
        with pytest.raises(BadInput, match=why):
            cast.attach(version, "evaluation_table", content, "evaluation.parquet", **TABLE)
    assert store() == before
    assert evidence.current(version, "evaluation_table").file.size == len(good)


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"PK\x03\x04" + b"0" * 60, "model.skops", "is a zip archive that is damaged, was cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 60, "model.png", "of a format that this portal does not know"),
        (b"\x08\x07\x99" + b"0" * 60, "model.onnx", "named like an ONNX model, but it is damaged or something else"),
        (b"only words", "model.skops", "named like a skops file, but it is damaged or something else"),
    ],
)
def test_an_artifact_that_is_no_model_is_refused_for_what_it_is(cast, version, content, name, why):
    with pytest.raises(BadInput, match=why) as caught:
        cast.attach(version, "artifact", content, name)
    assert "may run code" not in caught.value.sentence


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiters_of_other_countries_are_read_at_upload_as_by_the_checks(cast, version, delimiter):
    cast.artifact(version)
    content = tiny_table().decode().replace(",", delimiter).replace("\n", "\r\n").encode("utf-8-sig")
    cast.attach(version, "evaluation_table", content, "auswertung.csv", **TABLE)
    with pytest.raises(BadInput, match=r"not a table"):
        cast.attach(version, "evaluation_table", b"PK\x03\x04" + b"0" * 100, "sheet.csv", **TABLE)


def test_the_same_bytes_again_leave_the_stored_file_alone_but_damaged_ones_are_replaced(cast, version):
    path = cast.attach(version, "monitoring_plan", b"Plan.", "plan.md").file.path
    first = path.stat().st_ino
    cast.attach(version, "rollback_plan", b"Plan.", "plan.md")
    assert path.stat().st_ino == first, "somebody may be reading it"
    path.chmod(0o600)
    path.write_bytes(b"Other")
    cast.attach(version, "monitoring_plan", b"Plan.", "plan.md")
    assert path.read_bytes() == b"Plan."


def test_a_table_needs_its_artifact_first_and_belongs_to_it(cast, version):
    with pytest.raises(BadInput, match="artifact first"):
        cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    cast.artifact(version)
    row = cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    assert row.artifact_sha256 == evidence.current(version, "artifact").file.sha256


def test_a_name_that_is_a_path_is_only_a_name_and_the_same_bytes_are_one_file(cast, version):
    row = cast.attach(version, "monitoring_plan", b"Plan.", "../../etc/passwd")
    again = cast.attach(version, "rollback_plan", b"Plan.", "<b>plan</b>.md")
    assert row.name == "passwd"
    assert row.file == again.file
    assert again.name == "b>.md"
    assert row.file.path.is_relative_to(Path(settings.VAR) / "uploads")


def test_answers_are_of_known_questions_by_a_submitter_during_review(cast, version):
    with pytest.raises(NotPermitted):
        evidence.record_answers(version_id=version.pk, actor=cast.auditor, section="use", answers={"who": "Me."})
    for section, answers in (("nonsense", {}), ("use", {"nonsense": "x"}), ("use", {"who": "x" * 20_001})):
        with pytest.raises(BadInput):
            evidence.record_answers(version_id=version.pk, actor=cast.submitter, section=section, answers=answers)
    given = {"who": "<script>alert(1)</script>"}
    assert evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers=given) == 1
    assert evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers=given) == 0
    assert Answer.objects.get().text == given["who"]
    for _ in range(7):
        cast.advance(version)
    with pytest.raises(Refused, match="Locked since"):
        evidence.record_answers(version_id=version.pk, actor=cast.submitter, section="use", answers={"who": "Late."})
