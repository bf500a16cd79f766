"""Windows of time from counts, where rows do not fit into memory, are those of all rows in order."""

from typing import Any

import numpy as np
import pytest

from approvals.checks import stability_over_time
from approvals.checks._evaluation import KINDS, declaration_of
from approvals.checks._windows import counted_windows
from approvals.measures.tables import TableError, open_table
from approvals.measures.time_windows import parsed_moments

ROWS = 900


def lines(kind, moment):
    drawn = np.random.default_rng(11)
    actual = drawn.integers(0, 2 if kind == "binary" else 3, ROWS)
    called = np.where(drawn.random(ROWS) < 0.8, actual, 0)
    made = ["t,y,p,s"]
    for i in range(ROWS):
        when = "" if i % 97 == 0 else moment(int(drawn.integers(0, 60)))
        score = "" if i % 83 == 0 else f"{drawn.random() * 0.5 + 0.5 * called[i]:.3f}"
        label = "" if i % 71 == 0 else f"{actual[i] + 0.5 * drawn.random():.4f}" if kind == "regression" else actual[i]
        made.append(f"{when},{label},{called[i]},{score}")
    return "\n".join(made) + "\n"


MOMENTS = {
    "numbers": lambda day: f"{day * 1.5}",
    "days": lambda day: f"2026-{1 + day // 28:02}-{1 + day % 28:02}",
    "times of several forms": lambda day: f"2026-01-01{'T' if day % 2 else ' '}{day // 3:02}:00:00",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("kind", "score"), [("binary", "s"), ("binary", ""), ("multiclass", ""), ("regression", "")])
def test_windows_from_counts_are_those_from_rows(piece, kind, score, moment):
    declared = {"kind": kind, "label": "y", "prediction": "p", "groups": [], "features": []}
    declared |= {"score": score} if score else {}
    attached = piece("evaluation_table", lines(kind, MOMENTS[moment]), details=declared)
    asked: dict[str, Any] = {"time": "t", "windows": 5, "level": 0.9}
    with open_table(attached.path) as table:
        counted = counted_windows(table, declaration_of(attached, kinds=KINDS), **asked)
        by_row = stability_over_time._in_memory(table, declaration_of(attached, kinds=KINDS), **asked)
    assert counted == by_row
    assert len(counted.sizes) == 5


def test_rows_of_one_moment_stay_together(piece):
    text = "t,y,p\n" + "1,1,1\n" * 50 + "2,0,1\n" * 5 + "3,0,0\n" * 20
    declared = {"label": "y", "prediction": "p", "groups": [], "features": []}
    attached = piece("evaluation_table", text, details=declared)
    with open_table(attached.path) as table:
        found = counted_windows(table, declaration_of(attached, kinds=KINDS), time="t", windows=4, level=0.95)
    assert (found.spans, found.sizes) == (["1.0 to 2.0", "3.0"], [55, 20])


def test_too_many_moments_are_refused_in_words(piece, monkeypatch):
    monkeypatch.setattr("approvals.measures.time_windows.MOST_MOMENTS", 20)
    declared = {"label": "y", "prediction": "p", "groups": [], "features": []}
    attached = piece("evaluation_table", lines("binary", MOMENTS["days"]), details=declared)
    with open_table(attached.path) as table, pytest.raises(TableError, match="more than 20 different moments"):
        counted_windows(table, declaration_of(attached, kinds=KINDS), time="t", windows=4, level=0.95)


@pytest.mark.parametrize("text", ["now", "NaT", "2026-13-01", "1 May"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(TableError, match="no ISO date or time"):
        parsed_moments(["2026-01-01", text], "t")
