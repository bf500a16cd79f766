"""A table that was referred to, on the card: where its rows lie, and with which digests."""

import json
import subprocess

import pytest

from approvals import checking, evidence, listing, running
from modelcards import issuing
from modelcards.models import ModelCard
from portal.table_places import TablePlace
from tests.cast import TABLE, make_cast, tiny_table


@pytest.fixture
def cast(committed_database):
    return make_cast()


def test_the_card_says_where_the_rows_lie(cast, settings, tmp_path):
    root = tmp_path / "lake"
    root.mkdir()
    (root / "part.csv").write_bytes(tiny_table())
    settings.TABLE_FOLDERS = {"lake": TablePlace(str(root))}
    cast.publish({"scoping": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]})
    version = cast.version()
    cast.artifact(version)
    row = evidence.attach_reference(
        version_id=version.pk,
        actor=cast.submitter,
        kind="evaluation_table",
        asked=listing.Asked("folder", "lake", "part.csv"),
        details=TABLE,
    )
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    assert running.execute(run.pk)
    draft = issuing.request_draft(version_id=version.pk, actor=cast.submitter)
    assert issuing.execute(draft.pk), ModelCard.objects.get(pk=draft.pk).error
    draft.refresh_from_db()
    digest = json.loads(row.file.path.read_bytes())["files"][0]["sha256"]
    assert "Not uploaded: refers to 1 file of the folder “lake”" in draft.content
    assert digest in draft.content
    said = subprocess.run(
        ["pdftotext", "-layout", str(draft.pdf.path), "-"], capture_output=True, text=True, check=True
    )
    words = " ".join(said.stdout.split())
    assert "Where its rows lie" in words
    assert "is referred to, not uploaded" in words
    assert digest[:20] in words.replace(" ", "")
    assert str(root) not in words
