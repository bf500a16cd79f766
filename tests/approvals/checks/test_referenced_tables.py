"""A table that is referred to in the process that measures: what it may read, and what happens to it meanwhile."""

import pytest

from approvals.checks.base import Input
from approvals.checks.digest_match import DigestMatch
from approvals.checks.reproducibility import Reproducibility
from approvals.measures.referenced import listed_files
from approvals.measures.references import FileReference, ListedFile, Referenced, RelationReference, document
from approvals.sandbox import JobDescription, Limits, SandboxError, measure_in_child
from tests.approvals.checks import hostile

SMALL = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=20, file_mb=16)


@pytest.fixture
def lake(tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    for name in ("part-0.csv", "part-1.csv", "other.csv"):
        (root / name).write_text("y,p\n1,1\n0,0\n")
    return root


@pytest.fixture
def referring(tmp_path):
    """An evaluation table that refers to something."""

    def piece(table):
        path = tmp_path / "document"
        path.write_bytes(document(table.reference))
        return Input("evaluation_table", path, "evaluation.json", digest_of(path), table=table)

    return piece


def digest_of(path):
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def files(lake, referring):
    listed = FileReference("lake", tuple(ListedFile(f"part-{n}.csv", "0" * 64, 0) for n in (0, 1)))
    listed = listed_files(Referenced(listed, str(lake)), listed)
    return referring(Referenced(listed, str(lake), since=" since it was attached on 03 May 2026"))


def measure(check, piece, on_progress=lambda percent, text: None, **facts):
    job = JobDescription(inputs={piece.kind: piece}, facts=facts)
    return measure_in_child(check=check, job=job, limits=SMALL, on_progress=on_progress)


def test_a_file_written_to_while_it_is_measured_gives_no_reading(lake, files):
    path = lake / "part-1.csv"

    def write(percent, text):
        if text == "Waiting":
            path.write_text("y,p\n1,0\n0,0\n")

    with pytest.raises(
        SandboxError, match=r"“part-1.csv” .* was written to or replaced while it was measured"
    ) as caught:
        measure(hostile.Waits, files, write, path=str(path))
    assert caught.value.kind == "input"


def test_files_are_verified_with_progress_before_anything_is_measured(lake, files):
    heard = []
    (lake / "part-1.csv").write_text("y,p\n1,0\n0,0\n")
    with pytest.raises(SandboxError, match=r"“part-1.csv” of the folder “lake” has changed since it was attached on"):
        measure(hostile.Waits, files, lambda percent, text: heard.append(text), path=str(lake / "part-0.csv"))
    assert list(dict.fromkeys(heard)) == ["Verifying file 1 of 2", "Verifying file 2 of 2"]


def test_nothing_else_of_the_folder_can_be_read(lake, files, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("key\n1\n")
    listed, rest = [lake / "part-0.csv", lake / "part-1.csv"], [lake / "other.csv", secret]
    facts = {"paths": [str(path) for path in (*listed, *rest)], "secret": "nothing"}
    reading = measure(hostile.LooksAround, files, **facts)
    if any("could not be forbidden" in line for line in reading.log):
        pytest.skip("this kernel has no Landlock")
    assert [reading.details[str(path)] for path in (*listed, *rest)] == [True, True, False, False]
    assert not any("kept the network" in line for line in reading.log)


def test_where_a_connection_leads_is_nowhere_to_be_read_and_the_kept_network_is_said(referring):
    relation = RelationReference("warehouse", "public.scores", 1, "postgresql-1:" + "a" * 64)
    piece = referring(Referenced(relation, "postgresql://reader:topsecret@127.0.0.1:1/db"))
    reading = measure(hostile.LooksAround, piece, paths=[], secret="topsecret")
    assert (reading.details["told"], reading.details["scratch"]) == (False, [])
    assert "The check kept the network to reach the connection “warehouse”." in reading.log
    with pytest.raises(SandboxError) as caught:
        measure(hostile.Waits, piece, path="/")
    assert caught.value.sentence == "The connection “warehouse” does not answer; tell an administrator."
    assert not any(word in " ".join(caught.value.log) for word in ("topsecret", "127.0.0.1", "reader"))


def test_a_library_that_prints_where_it_connects_gives_nothing_away(referring):
    relation = RelationReference("warehouse", "public.scores", 1, "postgresql-1:" + "a" * 64)
    url = "postgresql://reader:top%20secret@db.bank.example:5432/risk"
    with pytest.raises(SandboxError) as caught:
        measure(hostile.Tells, referring(Referenced(relation, url)), url=[url, "top secret", "db.bank.example"])
    told = "\n".join(caught.value.log)
    assert "connecting to …" in told
    assert not any(word in told for word in ("top secret", "top%20secret", "db.bank.example", "reader:"))


def test_a_check_that_runs_the_artifact_never_keeps_the_network(referring, piece):
    relation = RelationReference("warehouse", "public.scores", 1, "postgresql-1:" + "a" * 64)
    table = referring(Referenced(relation, "postgresql://reader:topsecret@127.0.0.1:1/db"))
    artifact = piece("artifact", b"never run")
    with pytest.raises(SandboxError, match="never does beside an open network"):
        measure_in_child(
            check=Reproducibility,
            job=JobDescription(inputs={"artifact": artifact, "evaluation_table": table}),
            limits=SMALL,
        )


def test_the_check_of_digests_compares_every_file(lake, files, piece, measured, judged):
    artifact = piece("artifact", b"bytes")
    record = piece("training_record", {"artifact_sha256": artifact.sha256})
    table = Input(**{**vars(files), "artifact_sha256": artifact.sha256})
    record = Input(**{**vars(record), "artifact_sha256": artifact.sha256})
    facts = {"version": {"artifact": artifact.sha256}}
    reading = measured(DigestMatch, artifact, record, table, facts=facts)
    assert judged(DigestMatch, reading).verdict == "passed"
    (lake / "part-0.csv").write_text("y,p\n1,0\n0,0\n")
    judgement = judged(DigestMatch, measured(DigestMatch, artifact, record, table, facts=facts))
    assert judgement.verdict == "failed"
    assert any("Digest of part-0.csv in the folder lake" in sentence for sentence in judgement.sentences)
