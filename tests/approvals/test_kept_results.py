"""A run whose worker died, or that ran out of time, goes on; what it kept is gone when the run is over or outdated."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as live_settings
from django.utils import timezone

from approvals import checking, kept_results, running
from approvals.checking import ATTEMPTS, LEASE, kept_name
from approvals.kept_results import KEPT_FOR, LONGEST_RUN, forget_old, kept_for
from approvals.models import CheckRun
from approvals.sandbox import JobDescription, Limits, run_measurement
from tests.cast import TABLE, tiny_table

GATES = {"validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]}


@pytest.fixture
def version(cast, own_var, settings):
    settings.KEEP_AFTER_SECONDS = 0.0
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    return version


@pytest.fixture
def queue(cast, version):
    def queued():
        return checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)

    return queued


class WorkerDiedError(Exception):
    """Here the worker is killed, and its child with it."""


def die(run, *, at="Comparing with the claims", ago=2 * LEASE):
    """Carry a run out as far as that, in an attempt whose lease has run out by now."""
    begun = timezone.now() - ago
    token = checking.claim(run.pk, now=begun)
    kept = kept_for(kept_name(run.pk), running.looked_at(run))

    def on_progress(percent, text):
        checking.report_progress(run.pk, token, percent=63, text=text, now=begun, headway=kept.moved())
        if text == at:
            raise WorkerDiedError

    job = running._job(CheckRun.objects.get(pk=run.pk))
    with pytest.raises(WorkerDiedError):
        run_measurement(
            check_key="performance",
            job=JobDescription(**{**vars(job), "kept": kept.for_child}),
            limits=Limits(),
            on_progress=on_progress,
        )
    return kept


def kept_folders():
    root = Path(live_settings.VAR) / "kept"
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def test_a_run_whose_worker_died_goes_on_and_says_so(queue):
    undisturbed = queue()
    assert running.execute(undisturbed.pk)
    run = queue()
    kept = die(run)
    assert any(kept.folder.iterdir())
    assert running.execute(run.pk)
    run.refresh_from_db()
    undisturbed.refresh_from_db()
    assert (run.verdict, run.reading, run.reading_digest) == (
        undisturbed.verdict,
        undisturbed.reading,
        undisturbed.reading_digest,
    )
    assert run.log.startswith("Continued at 63 %.")
    assert "that an earlier attempt had kept were used" in run.log
    assert "Continued" not in undisturbed.log
    assert kept_folders() == []


def test_headway_is_no_vain_attempt(queue):
    run = queue()
    for _ in range(2 * ATTEMPTS):
        for path in kept_for(kept_name(run.pk), running.looked_at(run)).folder.iterdir():
            path.unlink()
        die(run)
    run.refresh_from_db()
    assert run.attempt == 1
    assert checking.sweep() == (run.pk,)
    assert running.execute(run.pk)


def test_without_headway_it_is_given_up(queue):
    run, now = queue(), timezone.now()
    for attempt in range(ATTEMPTS):
        assert checking.claim(run.pk, now=now + attempt * 2 * LEASE)
    kept_for(kept_name(run.pk), running.looked_at(run))
    assert checking.sweep(now=now + 9 * LEASE) == ()
    run.refresh_from_db()
    assert (run.status, "died on each of 3 attempts" in run.sentences[0]) == ("crashed", True)


def test_a_run_that_is_stopped_keeps_nothing(cast, queue, django_capture_on_commit_callbacks):
    run = queue()
    die(run)
    assert kept_folders() == [kept_name(run.pk)]
    with django_capture_on_commit_callbacks(execute=True):
        checking.stop(run_id=run.pk, actor=cast.submitter)
    assert kept_folders() == []
    assert not running.execute(run.pk)


def test_a_worker_learns_within_a_question_that_its_run_was_stopped(cast, queue):
    run = queue()
    token = checking.claim(run.pk, now=timezone.now())
    assert checking.is_held(run.pk, token)
    checking.stop(run_id=run.pk, actor=cast.submitter)
    assert not checking.is_held(run.pk, token)
    assert not checking.put_back(run.pk, token, now=timezone.now())


def test_what_was_kept_of_other_inputs_or_code_is_not_used(queue):
    run = queue()
    kept = die(run)
    other = kept_for(kept_name(run.pk), [*running.looked_at(run), "another"])
    assert other.is_new
    assert not kept.folder.exists()
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert "Continued" not in run.log


def test_a_run_out_of_time_goes_on_in_a_new_attempt_but_not_for_ever(queue):
    run, now = queue(), timezone.now()
    token = checking.claim(run.pk, now=now)
    checking.report_progress(run.pk, token, percent=40, text="Reading", now=now)
    assert checking.put_back(run.pk, token, now=now)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.progress) == ("queued", 0, 40)
    assert not checking.put_back(run.pk, token, now=now)
    late = now + LONGEST_RUN
    token = checking.claim(run.pk, now=late)
    assert not checking.put_back(run.pk, token, now=late)


def test_out_of_time_without_headway_is_an_error_as_before(queue, settings):
    settings.CHECK_LIMITS = {**settings.CHECK_LIMITS, "wall_seconds": 0}
    run = queue()
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert (run.verdict, "took longer than" in run.sentences[0]) == ("error", True)
    assert kept_folders() == []


def test_what_nobody_comes_back_for_is_deleted_after_days(queue):
    run, now = queue(), timezone.now()
    kept = die(run)
    assert forget_old(now) == 0
    old = (now - KEPT_FOR - timedelta(hours=1)).timestamp()
    for path in (kept.folder, kept.folder.parent):
        os.utime(path, (old, old))
    assert forget_old(now) == 1
    assert kept_folders() == []


def test_what_a_killed_process_left_in_its_scratch_folder_is_deleted(settings):
    root, now = Path(settings.VAR) / "run", timezone.now()
    for name, seconds in (("check-left", 2 * settings.CHECK_SECONDS + 60), ("check-under-way", settings.CHECK_SECONDS)):
        folder = root / name / "copied-x"
        folder.mkdir(parents=True)
        (folder / "000000.parquet").write_bytes(b"rows")
        moment = now.timestamp() - seconds
        for path in (folder, root / name):
            os.utime(path, (moment, moment))
    assert kept_results.forget_scratch(now) == 1
    assert [folder.name for folder in root.glob("check-*")] == ["check-under-way"]


def test_no_room_to_keep_anything_costs_only_time(queue):
    (Path(live_settings.VAR) / "kept").write_text("in the way")
    run = queue()
    assert kept_for(kept_name(run.pk), ["x"]).for_child is None
    assert running.execute(run.pk)
    run.refresh_from_db()
    assert run.verdict == "passed"
    assert kept_results.forget_old(timezone.now()) == 0
