"""A measurement that was killed goes on with what it had kept, and says the same as one that nobody disturbed."""

import hashlib

import numpy as np
import pytest

from approvals.checks._readings import reading_as_json
from approvals.checks.base import Input
from approvals.sandbox import JobDescription, Kept, Limits, SandboxError, measure_in_child
from tests.approvals.checks import hostile

SMALL = Limits(memory_mb=1024, cpu_seconds=30, wall_seconds=60, file_mb=16)


@pytest.fixture
def piece(tmp_path):
    rng = np.random.default_rng(3)
    lines = [f"{rng.integers(0, 2)},{rng.normal():.2f},{rng.normal(0.3):.3f}" for _ in range(300)]
    path = tmp_path / "table"
    path.write_text("y,s,x\n" + "\n".join(lines) + "\n")
    return Input("evaluation_table", path, "table.csv", hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def kept(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return Kept(folder, least_seconds=0.0, state_every=0.0)


class Killed(Exception):
    """The worker has killed the process that measures."""


def measure(piece, kept, *, kill_at=None):
    """The reading and what was heard; the process is killed (by signal 9) when it has said so many lines."""
    heard = []

    def on_progress(percent, text):
        heard.append((percent, text))
        if len(heard) == kill_at:
            raise Killed

    job = JobDescription(inputs={piece.kind: piece}, kept=kept)
    return measure_in_child(check=hostile.Plods, job=job, limits=SMALL, on_progress=on_progress), heard


def said(reading):
    return reading_as_json(reading, with_log=False)


def test_ranges_are_told_and_the_percentage_never_goes_back(piece):
    _, heard = measure(piece, None)
    assert heard[:2] == [(0, "Reading"), (0, "Reading: range 1 of 16")]
    assert any(text == "Reading: range 16 of 16" for _, text in heard)
    assert [percent for percent, _ in heard] == sorted(percent for percent, _ in heard)
    assert heard[-1][0] < 100


@pytest.mark.parametrize("kill_at", [2, 7, 12, 18])
def test_a_killed_measurement_goes_on_with_the_same_numbers(piece, kept, kill_at):
    undisturbed, whole = measure(piece, None)
    with pytest.raises(Killed):
        measure(piece, kept, kill_at=kill_at)
    resumed, rest = measure(piece, kept)
    assert said(resumed) == said(undisturbed)
    assert len(rest) <= len(whole)
    assert any("that an earlier attempt had kept were used" in line for line in resumed.log)


def test_what_was_damaged_meanwhile_is_measured_anew(piece, kept):
    undisturbed, _ = measure(piece, kept)
    for number, path in enumerate(sorted(kept.folder.iterdir())):
        path.write_bytes((b"", b"{", path.read_bytes()[:-3], b"0" * 64 + b"{}")[number % 4])
    again, _ = measure(piece, kept)
    assert said(again) == said(undisturbed)
    assert "A kept result was damaged, so it was not used; that part was measured anew." in again.log


def test_a_changed_input_is_noticed_before_anything_kept_is_used(piece, kept):
    measure(piece, kept)
    piece.path.write_text(piece.path.read_text() + "1,0.5,0.5\n")
    with pytest.raises(SandboxError, match="no longer have the digest"):
        measure(piece, kept)
