"""What is timed, one task by one library per process: our measures and those of the libraries that people would use.

`python -m benchmarks.peers PEER TASK REFERENCE CURRENT` prints one line of JSON: seconds of wall and processor of
the task alone, without starting Python or importing, and the peak of the process's memory in MiB, also without files
that are mapped.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ATTRIBUTES = ("sex", "race", "age_band", "region")
MORE_ATTRIBUTES = (*ATTRIBUTES, "purpose")
DRIFTING = ("score", "amount", "income", "tenure")
ENVIRONMENTS = {
    "fairlearn": "fairlearn==0.15.0",
    "scikit-learn": "scikit-learn==1.9.1",
    "scipy": "scipy==1.17.1",
    "pandas": "pandas==3.1.1",
    "aequitas": "aequitas==1.1.0",
    "aif360": "aif360==0.6.1",
    "evidently": "evidently==0.7.23",
    "pandera": "pandera[pandas]==0.35.0",
    "ydata-profiling": "ydata-profiling==4.18.4",
}
"""Each peer in an environment of its own, because they cannot share one."""
BESIDE = {"evidently": ("pandas<3",), "ydata-profiling": ("setuptools<80", "pandas<3")}
"""What a peer needs beside it to run at all."""


def _ours(task: str, path: Path, other: Path, draws: int = 2000) -> None:
    # What peers import before they start is imported before we start, as far as the task needs it.
    importlib.import_module("scipy.stats" if task == "drift" else "scipy.special")

    from approvals.measures.drift import numeric_drift  # noqa: PLC0415
    from approvals.measures.fairness import group_fairness  # noqa: PLC0415
    from approvals.measures.performance import binary_performance  # noqa: PLC0415
    from approvals.measures.quality import row_overlap  # noqa: PLC0415
    from approvals.measures.report import profile_report  # noqa: PLC0415
    from approvals.measures.tables import open_table  # noqa: PLC0415

    names: dict[str, Any] = {"label": "label", "prediction": "prediction"}
    start = _now()
    if task in ("drift", "overlap"):
        with open_table(path) as table, open_table(other) as current:
            if task == "drift":
                for name in DRIFTING:
                    numeric_drift(table, current, column=name)
            else:
                row_overlap(current, table)
    else:
        with open_table(path) as table:
            if task == "fairness":
                alone = [(name,) for name in ATTRIBUTES]
                group_fairness(table, attributes=[*alone, ATTRIBUTES], draws=draws, **names)
            elif task.startswith("intersection of "):
                chosen = MORE_ATTRIBUTES[: int(task.rsplit(maxsplit=1)[-1])]
                group_fairness(table, attributes=[chosen], draws=draws, **names)
            elif task.startswith("counting by "):
                table.counts(*MORE_ATTRIBUTES[: int(task.rsplit(maxsplit=1)[-1])], "label", "prediction")
            elif task == "performance":
                binary_performance(table, score="score", **names)
            else:
                profile_report(table)
    _say(start)


def _ours_without_draws(task: str, path: Path, other: Path) -> None:
    """What peers do: no bootstrap intervals of the disparities, which they have not."""
    _ours(task, path, other, draws=0)


def _fairlearn(task: str, path: Path, other: Path) -> None:
    del task, other
    import pandas as pd  # noqa: PLC0415
    from fairlearn import metrics  # noqa: PLC0415

    start = _now()
    table = pd.read_parquet(path, columns=[*ATTRIBUTES, "label", "prediction"])
    asked = {
        "selection_rate": metrics.selection_rate,
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "fnr": metrics.false_negative_rate,
    }
    for names in (*([name] for name in ATTRIBUTES), list(ATTRIBUTES)):
        frame = metrics.MetricFrame(
            metrics=asked, y_true=table["label"], y_pred=table["prediction"], sensitive_features=table[names]
        )
        frame.difference()
        frame.ratio()
    _say(start)


def _scikit_learn(task: str, path: Path, other: Path) -> None:
    del task, other
    import duckdb  # noqa: PLC0415
    from sklearn import metrics  # noqa: PLC0415

    start = _now()
    found = duckdb.execute(f"SELECT label, prediction, score FROM '{path}'").fetchnumpy()
    label, prediction, score = found["label"], found["prediction"], found["score"]
    metrics.confusion_matrix(label, prediction)
    for measure in (metrics.accuracy_score, metrics.matthews_corrcoef, metrics.cohen_kappa_score, metrics.f1_score):
        measure(label, prediction)
    for measure in (metrics.roc_auc_score, metrics.average_precision_score, metrics.log_loss, metrics.brier_score_loss):
        measure(label, score)
    _say(start)


def _scipy(task: str, path: Path, other: Path) -> None:
    del task
    import duckdb  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from scipy import stats  # noqa: PLC0415
    from scipy.spatial.distance import jensenshannon  # noqa: PLC0415

    start = _now()
    chosen = ", ".join(DRIFTING)
    tables = [duckdb.execute(f"SELECT {chosen} FROM '{place}'").fetchnumpy() for place in (path, other)]
    for name in DRIFTING:
        values = [np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan) for table in tables]
        before, now = (part[np.isfinite(part)] for part in values)
        stats.ks_2samp(before, now, method="asymp")
        stats.wasserstein_distance(before, now)
        cuts = np.unique(np.quantile(before, np.linspace(0, 1, 11)))[1:-1]
        shares = [
            np.bincount(np.searchsorted(cuts, part), minlength=cuts.size + 1) / part.size for part in (before, now)
        ]
        a, e = (np.maximum(share, 1e-4) for share in shares)
        np.sum((a - e) * np.log(a / e))
        jensenshannon(*shares, base=2)
    _say(start)


def _aequitas(task: str, path: Path, other: Path) -> None:
    del task, other
    import pandas as pd  # noqa: PLC0415
    from aequitas.group import Group  # noqa: PLC0415

    start = _now()
    table = pd.read_parquet(path, columns=[*ATTRIBUTES, "label", "prediction"])
    table = table.rename(columns={"prediction": "score", "label": "label_value"})
    table["all"] = table[list(ATTRIBUTES)].agg("|".join, axis=1)
    Group().get_crosstabs(table, attr_cols=[*ATTRIBUTES, "all"])
    _say(start)


def _aif360(task: str, path: Path, other: Path) -> None:
    """One attribute of two values, which is all that it compares."""
    del task, other
    import pandas as pd  # noqa: PLC0415
    from aif360.datasets import BinaryLabelDataset  # noqa: PLC0415
    from aif360.metrics import ClassificationMetric  # noqa: PLC0415

    start = _now()
    table = pd.read_parquet(path, columns=["sex", "label", "prediction"])
    table["sex"] = (table["sex"] == "m").astype(float)
    sides = [
        BinaryLabelDataset(
            df=table[["sex", name]].rename(columns={name: "label"}),
            label_names=["label"],
            protected_attribute_names=["sex"],
        )
        for name in ("label", "prediction")
    ]
    found = ClassificationMetric(*sides, unprivileged_groups=[{"sex": 0.0}], privileged_groups=[{"sex": 1.0}])
    found.disparate_impact()
    found.statistical_parity_difference()
    found.equal_opportunity_difference()
    found.average_odds_difference()
    _say(start)


def _evidently(task: str, path: Path, other: Path) -> None:
    import pandas as pd  # noqa: PLC0415
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: PLC0415

    start = _now()
    if task == "drift":
        tables = [pd.read_parquet(place, columns=list(DRIFTING)) for place in (path, other)]
        Report([DataDriftPreset(num_method="ks")]).run(tables[1], tables[0]).dict()
    else:
        table = pd.read_parquet(path)  # it does not take the small whole numbers of the file
        Report([DataSummaryPreset()]).run(table.astype({"label": "int64", "prediction": "int64"}), None).dict()
    _say(start)


def _pandera(task: str, path: Path, other: Path) -> None:
    """Types, ranges and missing values only; what it does not do is not counted."""
    del task, other
    import pandas as pd  # noqa: PLC0415
    import pandera.pandas as pa  # noqa: PLC0415

    start = _now()
    table = pd.read_parquet(path)
    columns = {
        name: pa.Column(
            nullable=True,
            checks=[pa.Check.in_range(-1e12, 1e12)] if table[name].dtype.kind in "iuf" else [],
        )
        for name in table.columns
    }
    pa.DataFrameSchema(columns, unique=list(table.columns)).validate(table, lazy=True)
    _say(start)


def _ydata(task: str, path: Path, other: Path) -> None:
    """Every number of its minimal report; writing it as JSON or HTML, which takes longer, is not counted."""
    del task, other
    import pandas as pd  # noqa: PLC0415
    from ydata_profiling import ProfileReport  # noqa: PLC0415

    start = _now()
    ProfileReport(pd.read_parquet(path), minimal=True, progress_bar=False).get_description()
    _say(start)


def _pandas(task: str, path: Path, other: Path) -> None:
    import pandas as pd  # noqa: PLC0415

    start = _now()
    table = pd.read_parquet(path)
    if task == "overlap":
        pd.read_parquet(other).merge(table.drop_duplicates(), how="inner")
    else:
        table.isna().sum()
        table.duplicated(keep=False).sum()
        table.duplicated().sum()
        table.nunique()
        table.describe()
    _say(start)


def _scan(task: str, path: Path, other: Path) -> None:
    """The engine's bare reading of the columns that the task needs."""
    import duckdb  # noqa: PLC0415

    columns: tuple[str, ...] = {
        "fairness": (*ATTRIBUTES, "label", "prediction"),
        "performance": ("label", "prediction", "score"),
        "drift": DRIFTING,
    }.get(task, ("*",))
    start = _now()
    for place in (path, other) if task in ("drift", "overlap") else (path,):
        # A hash needs every value; a maximum would be read from the statistics of the file.
        chosen = ", ".join(columns)
        asked = f"BIT_XOR(HASH({chosen}))" if chosen != "*" else "BIT_XOR(HASH(COLUMNS(*)))"
        duckdb.connect(config={"threads": "2"}).execute(f"SELECT {asked} FROM '{place}'").fetchall()
    _say(start)


PEERS: dict[str, Callable[[str, Path, Path], None]] = {
    "ours": _ours,
    "ours, no draws": _ours_without_draws,
    "bare scan": _scan,
    "fairlearn": _fairlearn,
    "scikit-learn": _scikit_learn,
    "scipy": _scipy,
    "pandas": _pandas,
    "aequitas": _aequitas,
    "aif360": _aif360,
    "evidently": _evidently,
    "pandera": _pandera,
    "ydata-profiling": _ydata,
}


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _say(start: tuple[float, float]) -> None:
    wall, processor = (now - before for now, before in zip(_now(), start, strict=True))
    # Not ru_maxrss, which is never below what the process that started this one held.
    said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak, mapped = (int(said[name].split()[0]) / 1024 for name in ("VmHWM", "RssFile"))
    # Pages of mapped files, which are libraries here, are shared by processes and stay; the rest is its own.
    spent = {"wall": wall, "processor": processor, "peak_mib": peak, "own_mib": peak - mapped}
    sys.stdout.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    PEERS[sys.argv[1]](sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
