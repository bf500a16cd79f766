"""What refers to a table is read strictly: nothing leads out of the folder, and nothing unknown is let through."""

import json
import os

import pytest

from approvals.measures.reading import TableError
from approvals.measures.referenced import confirm_unchanged, listed_files, opened_file, require_present, verify
from approvals.measures.references import (
    FileReference,
    ListedFile,
    Referenced,
    RelationReference,
    described,
    document,
    is_reference,
    parse,
    read_reference,
)

DIGEST = "a" * 64
FILE = {"path": "2026/part-0.csv", "sha256": DIGEST, "size": 3}
FILES = {"table_reference": 1, "folder": "lake", "files": [FILE]}
RELATION = {
    "table_reference": 1,
    "connection": "warehouse",
    "relation": "public.scores",
    "rows": 10,
    "fingerprint": f"postgresql-1:{DIGEST}",
}


def said(content):
    return parse(content if isinstance(content, bytes) else json.dumps(content).encode(), "evaluation.json")


def test_both_kinds_of_references_are_read_and_written_alike():
    for content, words in [(FILES, "1 file of the folder “lake”, 3 bytes"), (RELATION, "10 rows")]:
        found = said(content)
        assert said(document(found)) == found
        assert words in described(found)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret.csv",
        "2026/../../secret.csv",
        "./part.csv",
        "2026//part.csv",
        "2026/",
        "",
        "..",
        "C:\\lake\\part.csv",
        "file:///etc/passwd",
        "https://169.254.169.254/latest.csv",
        "s3://bucket/part.csv",
        "a\\..\\b.csv",
        "part\x00.csv",
        "part\n.csv",
        "*.csv",
        "part[0].csv",
        "part?.csv",
        "x" * 300,
        "/".join(["x" * 200] * 6),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    with pytest.raises(TableError, match=r"which|as a text"):
        said({**FILES, "files": [{**FILE, "path": path}]})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"a": 1}\n{"b": 2}\n', "not a table"),
        (b'{"a": 1}', "not a table"),
        (b"{" * 100_000, "not a table"),
        (b'{"table_reference": 1, "table_reference": 1}', "twice"),
        (b'{"table_reference": NaN}', "not a table"),
        (b"\xff{", "not a table"),
        ({**FILES, "table_reference": 2}, "does not know"),
        ({**FILES, "table_reference": True}, "does not know"),
        ({**FILES, "table_reference": "1"}, "does not know"),
        ({**FILES, "url": "postgresql://a:b@host/db"}, "and nothing else"),
        ({**FILES, "connection": "warehouse"}, "and nothing else"),
        ({**FILES, "files": []}, "one to"),
        ({**FILES, "files": [FILE] * 2}, "twice"),
        ({**FILES, "files": [{**FILE, "path": str(n)} for n in range(10_001)]}, "one to 10,000"),
        ({**FILES, "files": [{**FILE, "link": "x"}]}, "nothing else"),
        ({**FILES, "files": [{**FILE, "sha256": DIGEST.upper()}]}, "64 digits"),
        ({**FILES, "files": [{**FILE, "size": -1}]}, "whole number"),
        ({**FILES, "files": [{**FILE, "size": 1.5}]}, "whole number"),
        ({**FILES, "files": [{**FILE, "size": 2**60}]}, "whole number"),
        ({**FILES, "folder": {"a": 1}}, "as a text"),
        ({**RELATION, "relation": "scores"}, "schema.table"),
        ({**RELATION, "relation": "public."}, "schema.table"),
        ({**RELATION, "relation": "a.b.c.d"}, "schema.table"),
        ({**RELATION, "relation": "public.scores\n; DROP TABLE x"}, "printed"),
        ({**RELATION, "relation": "public." + "x" * 300}, "too long"),
        ({**RELATION, "fingerprint": "0"}, "fingerprint"),
        ({**RELATION, "rows": True}, "whole number"),
        ({**RELATION, "connection": ""}, "as a text"),
    ],
)
def test_anything_but_a_reference_is_refused_with_a_sentence(content, why):
    with pytest.raises(TableError, match=why):
        said(content)


def test_a_large_document_is_not_even_read(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"{" + b" " * 4_100_000)
    assert is_reference(path)
    with pytest.raises(TableError, match="larger than 4 MB"):
        read_reference(path, "large")


@pytest.fixture
def lake(tmp_path):
    """A folder with one file, beside a secret."""
    root = tmp_path / "lake"
    (root / "2026").mkdir(parents=True)
    (root / "2026" / "part-0.csv").write_text("y,p\n1,1\n0,0\n")
    (tmp_path / "secret.csv").write_text("key\n1\n")
    return root


def referenced(root, *paths):
    files = FileReference("lake", tuple(ListedFile(path, "0" * 64, 0) for path in paths))
    found = Referenced(files, str(root), since=" since it was attached on 03 May 2026")
    return Referenced(listed_files(found, files), str(root), since=found.since)


def silent(share, text):
    pass


def test_a_file_is_verified_and_the_same_afterwards(lake):
    table = referenced(lake, "2026/part-0.csv")
    heard = []
    before = verify(table, lambda share, text: heard.append((share, text)))
    confirm_unchanged(table, before)
    require_present(table, table.reference)
    assert heard[0] == (0.0, "Verifying file 1 of 1")
    assert heard[-1][0] == 1.0


def test_what_changed_is_named_and_not_measured(lake):
    table, path = referenced(lake, "2026/part-0.csv"), lake / "2026" / "part-0.csv"
    before = verify(table, silent)
    content = path.read_text()
    path.write_text(content.replace("1,1", "1,0"))
    with pytest.raises(TableError, match=r"changed since it was attached on 03 May 2026: its SHA-256 is .* attach the"):
        verify(table, silent)
    with pytest.raises(TableError, match="was written to or replaced while it was measured"):
        confirm_unchanged(table, before)
    path.write_text(content + "0,1\n")
    with pytest.raises(TableError, match="more than 12 bytes instead of 12"):
        verify(table, silent)
    path.write_text("y,p\n")
    with pytest.raises(TableError, match="it holds 4 bytes instead of 12"):
        verify(table, silent)
    with pytest.raises(TableError, match="holds 4 bytes, but the reference says 12"):
        require_present(table, table.reference)
    path.unlink()
    with pytest.raises(TableError, match="is gone; put it back, or attach the table again"):
        verify(table, silent)


def test_the_same_bytes_in_another_file_are_another_file_during_a_run(lake):
    table, path = referenced(lake, "2026/part-0.csv"), lake / "2026" / "part-0.csv"
    before = verify(table, silent)
    other = lake / "2026" / "other"
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    with pytest.raises(TableError, match="replaced while"):
        confirm_unchanged(table, before)


def test_links_pipes_and_devices_are_never_opened(lake, tmp_path):
    (lake / "link.csv").symlink_to(tmp_path / "secret.csv")
    (lake / "folder").symlink_to(tmp_path)
    (lake / "proc.csv").symlink_to("/proc/self/environ")
    os.mkfifo(lake / "pipe.csv")
    (lake / "directory.csv").mkdir()
    for path in ("link.csv", "folder/secret.csv", "proc.csv", "pipe.csv", "directory.csv", "part-0.csv/deeper"):
        with pytest.raises((OSError, TableError)), opened_file(lake, path):
            pass
    table = referenced(lake, "2026/part-0.csv")
    real = lake / "2026" / "part-0.csv"
    real.rename(tmp_path / "moved.csv")
    real.symlink_to(tmp_path / "moved.csv")
    with pytest.raises(TableError, match=r"plain file|cannot be read"):
        verify(table, silent)


def test_where_it_leads_is_not_in_what_is_printed():
    relation = RelationReference("warehouse", "public.scores", 1, f"postgresql-1:{DIGEST}")
    assert "secret" not in repr(Referenced(relation, "postgresql://a:secret@host/db"))
