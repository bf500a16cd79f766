"""A table that spans several windows becomes a batch for each: by whom, all or none, nothing new twice."""

import hashlib
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from approvals import files, listing
from approvals.models import StoredFile
from monitoring import batches, running, splitting
from monitoring.models import Batch, Reading
from monitoring.source_windows import window_of
from portal import access_tokens
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry
from portal.table_places import TablePlace
from tests.cast import make_cast, tiny_table
from tests.databases import database_of_its_own
from tests.monitoring.conftest import deployed
from tests.monitoring.deliveries import WAITING

BACKEND = "django.contrib.auth.backends.ModelBackend"
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    """Everybody and one deployed version; each test delivers rows of its own."""
    with database_of_its_own(django_db_blocker, tmp_path_factory.mktemp("split")):
        cast = make_cast()
        yield cast, deployed(cast, WAITING)


@pytest.fixture
def cast(world):
    return world[0]


@pytest.fixture
def version(world):
    return world[1]


def timed(first=JANUARY, days=59, *, seed=2, rows=120, extra=()):
    """Rows spread over the days, and some that stand as they are said."""
    lines = tiny_table(rows=rows, seed=seed).decode().splitlines()
    said = [(first + timedelta(days=days * n // rows)).isoformat() for n in range(rows)]
    said[: len(extra)] = extra
    return "\n".join(
        [f"{lines[0]},day", *(f"{line},{day}" for line, day in zip(lines[1:], said, strict=True))]
    ).encode()


def send(cast, version, content, *, by=None, **changes):
    given = {"name": "spring.csv", "time_column": "day", "pace": "monthly", "now": NOW, **changes}
    return splitting.receive(version_id=version.pk, actor=by or cast.submitter, stream=io.BytesIO(content), **given)


def kept():
    return Batch.objects.count(), StoredFile.objects.count(), Reading.objects.count()


def test_who_may_not_deliver_splits_nothing_and_it_is_recorded(cast, version):
    before, refused = kept(), LedgerEntry.objects.filter(event="approvals.act.refused").count()
    for user in (cast.outsider, cast.auditor, cast.superuser):
        with pytest.raises(NotPermitted):
            send(cast, version, timed(), by=user)
    assert kept() == before
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == refused + 3


@pytest.mark.parametrize(
    ("content", "changes", "why"),
    [
        (timed(extra=("", "soon")), {}, "no readable time in 2 of 120 rows: 1 have none, 1 have what is no date"),
        (timed(extra=("2026-04-11",)), {}, "after today"),
        (timed(date(2026, 4, 1), 10), {}, "All rows lie in the window 2026-04-01 to 2026-04-30, which is not over"),
        (timed(date(2024, 1, 1), 500, rows=500), {"pace": "daily"}, "more than 400 windows"),
        (timed().replace(b"y_score", b"y_scare"), {}, "has no column y_score"),
        (timed(), {"time_column": "when"}, "no column “when”"),
        (timed(), {"time_column": " "}, "Name the column"),
        (timed(), {"time_column": "a\x00"}, "cannot be kept"),
        (timed(), {"pace": "hourly"}, "how long a window is"),
        (b"", {}, "empty"),
    ],
)
def test_what_cannot_be_split_is_a_sentence_and_nothing_is_kept(cast, version, content, changes, why):
    before = kept()
    with pytest.raises(BadInput, match=why):
        send(cast, version, content, **changes)
    assert kept() == before


def test_a_reference_is_not_split(cast, version, tmp_path):
    (tmp_path / "spring.csv").write_bytes(timed())
    asked = listing.Asked("folder", "lake", "spring.csv")
    reference = listing.listed(TablePlace(str(tmp_path)), asked, limits=listing.AT_ONCE)
    with pytest.raises(BadInput, match="A reference names rows that lie elsewhere"):
        send(cast, version, reference)


def test_each_window_is_a_batch_and_the_same_table_again_is_nothing_new(cast, version):
    content = timed(days=100)
    done = send(cast, version, content, description="From the warehouse.")
    assert str(done) == (
        "3 batches are taken and being read. Left out: 12 rows of 2026-04-01 to 2026-04-30, which is not over; send "
        "them later."
    )
    months = [(date(2026, month, 1), window_of(date(2026, month, 1), "monthly")[1]) for month in (1, 2, 3)]
    assert [(row.window_start, row.window_end) for row in done.new] == months
    first = done.new[0]
    assert first.name == "spring.csv, 2026-01-01 to 2026-01-31"
    assert hashlib.sha256(content).hexdigest() in first.description
    assert first.description.endswith("rows of 2026-01-01 to 2026-01-31. From the warehouse.")
    assert batches.ending(first) == "parquet"
    with files.opened(first.file) as stored:
        assert hashlib.sha256(stored.read()).hexdigest() == first.file.sha256
    before = kept()
    again = send(cast, version, content, by=cast.owner)
    assert (again.new, again.known, kept()) == ((), done.new, before)
    reading = Reading.objects.get(batch=first, monitor__key="performance")
    assert running.execute(reading.pk)
    reading.refresh_from_db()
    assert reading.verdict == "ok"
    # Once April is over, the same table has one window that is new.
    later = send(cast, version, content, now=NOW + timedelta(days=30))
    assert ([row.window_start for row in later.new], later.known) == ([date(2026, 4, 1)], done.new)


def test_rows_that_are_a_batch_of_another_window_take_nothing(cast, version):
    send(cast, version, timed(FEBRUARY, 7, seed=5, rows=60), pace="weekly", now=NOW)
    before = kept()
    longer = timed(FEBRUARY, 7, seed=5, rows=60)
    week = b"\n".join(line for line in longer.splitlines() if not line.endswith(b"2026-02-01"))
    with pytest.raises(Refused, match="another window; nothing was taken"):
        send(cast, version, week, pace="monthly")
    assert kept() == before


def test_programs_split_by_the_api(cast, version, client):
    _, secret = access_tokens.issue(
        owner=cast.submitter,
        name="Job",
        acts=("deliver",),
        model_ids=(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    url, header = f"/api/v1/versions/{version.pk}/batches/by-time", {"Authorization": f"Bearer {secret}"}

    def post(content, **headers):
        form = {"file": SimpleUploadedFile("w.csv", content), "time_column": "day", "pace": "monthly"}
        return client.post(url, form, headers=headers)

    assert post(timed(seed=7)).status_code == 401
    bad = post(timed(seed=7, extra=("soon",)), **header)
    assert (bad.status_code, bad.json()["field"]) == (422, "time_column")
    for content, field in ((timed().replace(b"y_score", b"y_scare"), "file"), (timed(date(1999, 1, 1)), "time_column")):
        bad = post(content, **header)
        assert (bad.status_code, bad.json()["field"]) == (422, field)
    made, again = post(timed(seed=7), **header), post(timed(seed=7), **header)
    assert (made.status_code, again.status_code) == (201, 200)
    assert [one["window_start"] for one in made.json()["new"]] == ["2026-01-01", "2026-02-01"]
    assert again.json() == {"new": [], "known": made.json()["new"], "left_out": None}


def test_the_form_takes_days_or_a_column_and_says_what_became_of_it(cast, version, client):
    url = reverse("admin:monitoring_batch_deliver", args=[version.pk])

    def post(**said):
        return client.post(url, {"file": SimpleUploadedFile("t.csv", timed(seed=8)), "name": "Winter", **said})

    client.force_login(cast.auditor, backend=BACKEND)
    assert post(time_column="day", pace="monthly").status_code == 403
    client.force_login(cast.submitter, backend=BACKEND)
    before = kept()
    for said in ({}, {"window_start": "2026-01-01", "window_end": "2026-01-31", "time_column": "day"}):
        assert "one of the two" in post(**said).content.decode()
    assert "This field is required" in post(time_column="day").content.decode()
    assert kept() == before
    answer = post(time_column="day", pace="monthly")
    assert answer.status_code == 302
    assert "2 batches are taken and being read." in client.get(answer.url).content.decode()


def test_a_year_with_a_digit_missing_refuses_the_table(cast, version):
    before = kept()
    with pytest.raises(BadInput, match="more than 20 years ago"):
        send(cast, version, timed(extra=["0206-01-15"], seed=41))
    assert kept() == before
