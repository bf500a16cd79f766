"""A batch, or the approved table, that is referred to: the wrong person first, then readings, then a changed file."""

import io
from datetime import date

import pytest

from approvals import listing
from monitoring import batches, running
from monitoring.models import Batch, Reading, ReadingVerdict
from portal.errors import BadInput, NotPermitted
from portal.models import LedgerEntry
from portal.table_places import TablePlace
from tests.cast import tiny_table

MONITORS = [{"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}, "severity": "high", "every_days": 31}]


@pytest.fixture
def lake(tmp_path, settings):
    root = tmp_path / "lake"
    root.mkdir()
    (root / "september.csv").write_bytes(tiny_table(seed=2))
    settings.TABLE_FOLDERS = {"lake": TablePlace(str(root))}
    return root


@pytest.fixture
def reference(lake):
    place = TablePlace(str(lake))
    return listing.listed(place, listing.Asked("folder", "lake", "september.csv"), limits=listing.AT_ONCE)


def deliver(cast, version, content):
    return batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(content),
        name="September",
        window_start=date(2026, 9, 1),
        window_end=date(2026, 9, 30),
    )


def test_a_place_for_others_is_refused_and_recorded(cast, deploy, reference, lake, settings):
    version = deploy(MONITORS)
    settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), groups=("lake readers",))}
    with pytest.raises(NotPermitted, match="There is no folder “lake” that you may refer to"):
        deliver(cast, version, reference)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1
    with pytest.raises(BadInput, match="not a table"):
        deliver(cast, version, b'{"rows": []}')
    assert not Batch.objects.exists()


def test_a_batch_is_read_where_it_lies_and_not_if_it_changed(cast, deploy, reference, lake):
    version = deploy(MONITORS)
    batch = deliver(cast, version, reference)
    assert batches.ending(batch) == "reference.json"
    row = Reading.objects.get(batch=batch)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.verdict in (ReadingVerdict.OK, ReadingVerdict.BREACH), row.sentences
    assert "September is referred to, not uploaded: 1 file of the folder “lake”" in row.numbers["looked_at"][-1]

    (lake / "september.csv").write_bytes(tiny_table(seed=3))
    other = deliver(cast, version, _again(lake))
    (lake / "september.csv").write_bytes(tiny_table(seed=4))
    row = Reading.objects.get(batch=other)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.verdict == ReadingVerdict.NOT_COMPUTABLE
    assert "has changed since it was attached" in row.sentences[0]


def _again(lake):
    asked = listing.Asked("folder", "lake", "september.csv")
    return listing.listed(TablePlace(str(lake)), asked, limits=listing.AT_ONCE)
