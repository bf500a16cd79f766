"""Two versions on the same rows: what is said follows from the interval of the paired difference alone."""

import csv
import io
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from approvals.checks.base import CheckInputError, Input, Job, ParameterError
from approvals.measures.paired import accuracy_difference
from monitoring import batches, running
from monitoring.models import Reading
from monitoring.monitors.base import BATCH, REFERENCE
from monitoring.monitors.challenger import Challenger, Parameters, Thresholds
from tests.cast import TABLE, tiny_table
from tests.monitoring.deliveries import as_csv, deliver, match, read_waiting_here, report

ASKED = {"other": "1.0.0", "other_prediction": "b_pred", "other_score": "b_score"}


def with_other(table, *, right):
    """The table with what another version said: it is right in that share of the rows, its score follows."""
    rng = np.random.default_rng(5)
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    for row in rows:
        label = int(row["y_true"])
        said = label if rng.random() < right else 1 - label
        row |= {"b_pred": said, "b_score": f"{np.clip(0.5 + (said - 0.5) * 0.6 + rng.normal(0, 0.1), 0, 1):.4f}"}
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def measured(folder, batch, **asked):
    def piece(kind, content):
        path = folder / f"{kind}.csv"
        path.write_bytes(content)
        return Input(kind, path, path.name, "0" * 64, "", TABLE)

    inputs = {REFERENCE: piece("reference", tiny_table()), BATCH: piece("batch", batch)}
    job = Job({**inputs}, {}, Parameters(**{**ASKED, **asked}), 1, folder, Thresholds())
    return Challenger().measure(job, lambda share, text: None)


def test_a_better_version_is_called_better_and_the_numbers_are_those_of_the_paired_measures(tmp_path):
    table = with_other(tiny_table(rows=600, seed=2), right=0.6)
    reading = measured(tmp_path, table)
    judged = Challenger().judge(reading, Thresholds(min_accuracy_difference_low=0.0))
    assert judged.verdict == "ok"
    assert judged.sentences[0].startswith("This version is better than version 1.0.0: accuracy minus")
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    ours = np.array([row["y_pred"] == row["y_true"] for row in rows])
    theirs = np.array([row["b_pred"] == row["y_true"] for row in rows])
    expected, p = accuracy_difference(ours, theirs)
    found = {measure.name: measure for measure in reading.measures}
    assert found["accuracy minus that of version 1.0.0"].value == expected.value
    assert reading.tables[0].title == "This version minus version 1.0.0"
    said = str((reading.measures, reading.tables, judged.sentences))
    assert not any(word in said for word in ("hampion", "ubmitted", "in use"))
    assert found["p that accuracy is the same (McNemar)"].value == p.value


def test_a_worse_version_breaches_and_is_called_worse(tmp_path):
    reading = measured(tmp_path, with_other(tiny_table(rows=600, seed=2), right=0.995))
    judged = Challenger().judge(reading, Thresholds(min_accuracy_difference_low=-0.02))
    assert judged.verdict == "breach"
    assert judged.sentences[0].startswith("This version is worse than version 1.0.0")


def test_what_the_policy_is_not_met_in_is_said_first(tmp_path):
    spoilt = with_other(tiny_table(rows=600, seed=2), right=0.8).decode().splitlines()
    place = spoilt[0].split(",").index("y_score")
    rows = [row.split(",") for row in spoilt[1:]]
    table = [spoilt[0], *(",".join([*row[:place], "0.5", *row[place + 1 :]]) for row in rows)]
    reading = measured(tmp_path, "\n".join(table).encode())
    judged = Challenger().judge(reading, Thresholds(min_roc_auc_difference_low=-0.05))
    assert judged.verdict == "breach"
    assert judged.sentences[0].startswith("This version is worse than version 1.0.0: ROC AUC minus")


def test_a_reading_of_an_earlier_release_is_judged_by_the_names_that_it_has(tmp_path):
    reading = measured(tmp_path, with_other(tiny_table(rows=600, seed=2), right=0.995))
    old = replace(
        reading,
        measures=tuple(
            replace(one, name=one.name.replace("that of version 1.0.0", "the champion's")) for one in reading.measures
        ),
    )
    limits = Thresholds(min_accuracy_difference_low=-0.02)
    assert Challenger().judge(old, limits).verdict == Challenger().judge(reading, limits).verdict == "breach"
    (rule,) = Challenger().rules(old, limits)
    assert rule.measure == "lower end of the interval of accuracy minus the champion's"


def test_where_the_interval_covers_zero_nobody_wins(tmp_path):
    share = np.mean([r["y_pred"] == r["y_true"] for r in csv.DictReader(io.StringIO(tiny_table(600, 2).decode()))])
    reading = measured(tmp_path, with_other(tiny_table(rows=600, seed=2), right=float(share)))
    judged = Challenger().judge(reading, Thresholds(min_accuracy_difference_low=0.0))
    assert judged.sentences[0].startswith("No difference from version 1.0.0 is shown")
    assert "covers zero" in judged.sentences[0]
    assert judged.verdict == "breach", "the policy asked that it be shown to be better"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"other_prediction": ""}, "does not name the other version"),
        ({"other": ""}, "does not name the other version"),
        ({"other_prediction": "c_pred"}, "has no column “c_pred”"),
        ({"other_prediction": "y_pred"}, "compared with itself"),
    ],
)
def test_a_batch_without_what_the_other_said_is_said_to_be_that(tmp_path, asked, why):
    with pytest.raises(CheckInputError, match=why):
        measured(tmp_path, with_other(tiny_table(rows=60, seed=2), right=0.5), **asked)


def test_without_outcomes_it_waits_and_without_a_threshold_it_is_refused(tmp_path):
    rows = list(csv.reader(io.StringIO(with_other(tiny_table(rows=60, seed=2), right=0.5).decode())))
    place = rows[0].index("y_true")
    table = "\n".join(",".join(cells[:place] + cells[place + 1 :]) for cells in rows) + "\n"
    reading = measured(tmp_path, table.encode())
    assert Challenger().judge(reading, Thresholds(min_accuracy_difference_low=0.0)).verdict == "no_labels"
    with pytest.raises(ParameterError, match="needs a threshold"):
        Challenger.require_settings(ASKED, {})


def test_the_worker_compares_both_on_each_batch(cast, deploy):
    entry = {"monitor": "challenger", "parameters": ASKED, "thresholds": {"min_accuracy_difference_low": -0.02}}
    version = deploy([entry])
    batch = batches.receive(
        version_id=version.pk,
        actor=cast.submitter,
        stream=io.BytesIO(with_other(tiny_table(rows=600, seed=2), right=0.6)),
        name="July",
        window_start=date(2026, 7, 1),
        window_end=date(2026, 7, 31),
    )
    (row,) = Reading.objects.filter(batch=batch)
    assert running.execute(row.pk)
    row.refresh_from_db()
    assert row.verdict == "ok", row.sentences
    assert row.sentences[0].startswith("This version is better than version 1.0.0")


def test_both_are_compared_once_outcomes_come_later(cast, deploy):
    version = deploy(
        [{"monitor": "challenger", "parameters": ASKED, "thresholds": {"min_accuracy_difference_low": -0.02}}]
    )
    rows = list(csv.DictReader(io.StringIO(with_other(tiny_table(rows=600, seed=2), right=0.6).decode())))
    met = [name for name in rows[0] if name != "y_true"]
    batch = deliver(cast, version, as_csv(rows, *met))
    assert read_waiting_here(batch, "challenger").verdict == "no_labels"
    assert match(report(cast, version, as_csv(rows, "id", "y_true"))).verdict == "in_use"
    reading = read_waiting_here(batch, "challenger")
    assert reading.verdict == "ok", reading.sentences
