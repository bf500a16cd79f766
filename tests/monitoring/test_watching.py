"""Watched folders: what is not taken first, then when a file is complete, and that nothing is told twice."""

import os
from datetime import date, timedelta

import pytest
from django.core.checks import run_checks
from django.utils import timezone

from approvals import permissions
from monitoring import watching
from monitoring.models import Batch, OutcomeDelivery, WatchedFile
from portal.models import LedgerEntry, Notification
from portal.watched_places import WatchedPlace
from tests.monitoring.deliveries import WAITING, as_csv, rows_of, unlabelled
from tests.monitoring.deployed_once import cast, version

__all__ = ["cast", "version"]

ROWS = rows_of("a")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def plan():
    return {"monitors": WAITING}


@pytest.fixture
def folder(tmp_path, settings, version):
    root = tmp_path / "in"
    root.mkdir()
    name_it(settings, root)
    return root


def name_it(settings, root, **changes):
    said = {
        "target": str(root),
        "model": "Consumer credit scoring",
        "version": "1.0.0",
        "deliverer": "submitter",
        "pattern": "scores_{month}.csv",
    }
    settings.WATCHED_FOLDERS = {"in": WatchedPlace(**{**said, **changes})}


def look_often(times=2, start=None):
    """Looks a minute apart; gives how many files each took."""
    start = start or timezone.now()
    return [watching.look(now=start + MINUTE * turn) for turn in range(times)]


def test_links_pipes_hidden_and_partial_files_are_not_taken(folder, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_bytes(unlabelled(ROWS))
    (folder / "scores_2026-01.csv").symlink_to(outside)
    os.mkfifo(folder / "scores_2026-02.csv")
    (folder / "scores_2026-03.csv").mkdir()
    for name in (".scores_2026-04.csv", "_scores_2026-04.csv", "scores_2026-04.csv.part", "scores_2026-04.csv.tmp"):
        (folder / name).write_bytes(unlabelled(ROWS))
    assert look_often(3) == [0, 0, 0]
    assert not WatchedFile.objects.exists()


def test_a_file_is_taken_once_it_stays_as_it_is_and_is_left_where_it_lies(folder, cast):
    file = folder / "scores_2026-09.csv"
    file.write_bytes(unlabelled(ROWS[:50]))
    start = timezone.now()
    assert watching.look(now=start) == 0
    file.write_bytes(unlabelled(ROWS))
    assert look_often(4, start + MINUTE) == [0, 1, 0, 0]
    batch = Batch.objects.get()
    assert (batch.window_start, batch.window_end) == (date(2026, 9, 1), date(2026, 9, 30))
    assert (batch.uploaded_by, batch.name) == (cast.submitter, "scores_2026-09.csv")
    assert file.read_bytes() == unlabelled(ROWS)
    os.utime(file)
    look_often(2, start + 9 * MINUTE)
    assert WatchedFile.objects.get(name=file.name).state == "taken"
    assert Batch.objects.count() == 1


def test_the_bytes_of_another_month_are_no_data_of_this_one(folder, cast):
    for name in ("scores_2026-08.csv", "scores_2026-09.csv"):
        (folder / name).write_bytes(unlabelled(ROWS))
    assert sum(look_often(3)) == 1
    row = WatchedFile.objects.get(name="scores_2026-09.csv")
    assert (row.state, Batch.objects.get().name) == ("refused", "scores_2026-08.csv")
    assert "It is of another window, so this one has no data." in row.sentence
    assert Notification.objects.filter(user=cast.owner, text__contains="“scores_2026-09.csv”").count() == 1


def test_what_is_refused_is_told_once_for_the_same_bytes_and_stops_no_other_file(folder, cast):
    (folder / "scores_2026-07.csv").write_bytes(b"id\n1\n")
    (folder / "scores_2026-08.csv").write_bytes(b"id\n1\n")
    (folder / "notes.csv").write_bytes(b"a,b\n1,2\n")
    (folder / "scores_2026-09.csv").write_bytes(unlabelled(ROWS))
    assert sum(look_often(4)) == 1
    refused = {row.name: row.sentence for row in WatchedFile.objects.filter(state="refused")}
    assert set(refused) == {"scores_2026-07.csv", "scores_2026-08.csv", "notes.csv"}
    assert "no column" in refused["scores_2026-07.csv"]
    assert "not of the pattern" in refused["notes.csv"]
    assert LedgerEntry.objects.filter(event="monitoring.file.refused").count() == 2
    for user in (cast.owner, cast.submitter):
        assert Notification.objects.filter(user=user, event="monitoring.file.refused").count() == 2
    os.utime(folder / "scores_2026-07.csv")
    look_often(3, timezone.now() + 9 * MINUTE)
    assert LedgerEntry.objects.filter(event="monitoring.file.refused").count() == 2


def test_the_deliverers_rights_decide_and_a_mended_file_is_looked_at_again(folder, cast, version):
    file = folder / "scores_2026-09.csv"
    file.write_bytes(unlabelled(ROWS))
    permissions.revoke(actor=cast.superuser, codename=permissions.SUBMIT, to=cast.submitter, model=version.model)
    assert look_often(3) == [0, 0, 0]
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1
    permissions.grant(actor=cast.superuser, codename=permissions.SUBMIT, to=cast.submitter, model=version.model)
    os.utime(file, ns=(1, 1))
    assert look_often(3, timezone.now() + 9 * MINUTE) == [0, 1, 0]


@pytest.mark.parametrize(
    "changes", [{"model": "Another"}, {"version": "9"}, {"deliverer": "nobody"}, {"target": "/etc"}, {"target": "in"}]
)
def test_a_folder_that_cannot_be_used_is_logged_and_stops_nothing(settings, folder, caplog, changes):
    (folder / "scores_2026-09.csv").write_bytes(unlabelled(ROWS))
    good = settings.WATCHED_FOLDERS["in"]
    name_it(settings, folder, **changes)
    settings.WATCHED_FOLDERS = {"bad": settings.WATCHED_FOLDERS["in"], "in": good}
    assert look_often() == [0, 1]
    assert "The watched folder “bad” was not looked into" in caplog.text
    said = [problem.msg for problem in run_checks() if problem.id == "monitoring.E001"]
    assert bool(said) == ("target" in changes)


def test_a_clock_that_is_set_back_and_two_looks_at_once_take_a_file_once(folder):
    (folder / "scores_2026-09.csv").write_bytes(unlabelled(ROWS))
    start = timezone.now()
    assert [watching.look(now=start), watching.look(now=start)] == [0, 0]
    assert watching.look(now=start - timedelta(days=1)) == 0
    assert look_often(2, start - timedelta(days=1) + MINUTE) == [1, 0]
    assert Batch.objects.count() == 1


def test_outcomes_come_from_a_folder_too(settings, folder):
    name_it(settings, folder, what="outcomes", pattern="outcomes_*.csv")
    (folder / "outcomes_october.csv").write_bytes(as_csv(ROWS, "id", "y_true"))
    assert look_often() == [0, 1]
    assert OutcomeDelivery.objects.get().description == "From the watched folder “in”."
