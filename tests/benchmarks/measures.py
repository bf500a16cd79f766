"""Wall time, processor time and memory of our measures beside the libraries that people would use, on the same table.

Run `make benchmark-measures`, or `python -m tests.benchmarks.measures 100000 1000000 10000000`. Each task runs in a
process of its own; each peer in an environment of its own, made by uv, because they cannot share one. Times are those
of the task, without starting Python or importing; memory is the peak of the process. A ratio of 10 means that the peer
takes ten times what we take.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZES = (100_000, 1_000_000, 10_000_000)
ATTRIBUTES = ("sex", "race", "age_band", "region")
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
BESIDE = {"evidently": ("pandas<3",), "ydata-profiling": ("setuptools<80", "pandas<3")}
"""What a peer needs beside it to run at all."""
SLOWEST = {"fairlearn": 1_000_000, "evidently": 10_000_000, "ydata-profiling": 10_000_000}
"""Beyond this many rows a peer takes longer than anybody waits."""
MINUTES = 20


def _table(path: Path, rows: int, *, shifted: bool) -> None:
    """Twelve columns of applicants: skewed groups, scores that go with labels, some amounts missing."""
    import duckdb  # noqa: PLC0415

    seed, shift = (2, 0.15) if shifted else (1, 0.0)
    connection = duckdb.connect(config={"threads": "2"})
    connection.execute(f"SELECT setseed({seed / 10})")
    connection.execute(
        f"""
        COPY (
          SELECT i AS id,
            CASE WHEN u1 < 0.48 THEN 'f' WHEN u1 < 0.97 THEN 'm' ELSE 'x' END AS sex,
            ['a', 'b', 'c', 'd', 'e'][1 + CAST(floor(5 * u2 * u2) AS INT)] AS race,
            'age' || CAST(floor(6 * u3) AS INT) AS age_band,
            'region' || CAST(floor(12 * u4) AS INT) AS region,
            CAST(u5 < 0.3 + 0.4 * s AS TINYINT) AS label,
            CAST(s > 0.5 AS TINYINT) AS prediction,
            s AS score,
            CASE WHEN u2 < 0.02 THEN NULL ELSE exp(6 + 2 * u6 + {shift}) END AS amount,
            20000 + 90000 * u1 * u6 + {shift * 1000} AS income,
            floor(40 * u3 * u5) AS tenure,
            'purpose' || CAST(floor(40 * u6) AS INT) AS purpose
          FROM (SELECT i, random() u1, random() u2, random() u3, random() u4, random() u5, random() u6,
                  least(1, greatest(0, 0.5 + 0.35 * (random() + random() - 1) + {shift})) s
                FROM range({rows}) r(i))
        ) TO '{path}' (FORMAT parquet)
        """
    )


def _ours(task: str, path: Path, other: Path, draws: int = 2000) -> None:
    # What peers import before they start is imported before we start.
    import scipy.stats  # noqa: PLC0415, F401

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
        Report([DataDriftPreset(num_method="ks")]).run(tables[1], tables[0])
    else:
        table = pd.read_parquet(path)  # it does not take the small whole numbers of the file
        Report([DataSummaryPreset()]).run(table.astype({"label": "int64", "prediction": "int64"}), None)
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

    columns = {
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
TASKS = {
    "fairness": ("ours, no draws", "fairlearn", "aequitas", "aif360"),
    "performance": ("scikit-learn",),
    "drift": ("scipy", "evidently"),
    "profile": ("pandas", "pandera", "ydata-profiling", "evidently"),
    "overlap": ("pandas",),
}
TITLES = {
    "fairness": "fairness of four attributes and their intersection",
    "performance": "every measure of a score and its decisions, exact",
    "drift": "drift of four numbers",
    "profile": "profile of twelve columns",
    "overlap": "rows of one table in another",
}


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _say(start: tuple[float, float]) -> None:
    wall, processor = (now - before for now, before in zip(_now(), start, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"wall": wall, "processor": processor, "peak_mib": peak}) + "\n")


def _run(peer: str, task: str, path: Path, other: Path) -> dict[str, float] | str:
    command = [sys.executable, "-m", "tests.benchmarks.measures"]
    if peer in ENVIRONMENTS:
        needed = (ENVIRONMENTS[peer], "duckdb", "pyarrow", "pandas", *BESIDE.get(peer, ()))
        environment = [word for name in needed for word in ("--with", name)]
        command = [str(ROOT / ".tools/bin/uv"), "run", "--no-project", "--quiet", *environment, "python", __file__]
    try:
        done = subprocess.run(
            [*command, "--peer", peer, task, str(path), str(other)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60 * MINUTES,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {MINUTES} minutes"
    except subprocess.CalledProcessError as failed:
        return f"failed: {failed.stderr.strip().splitlines()[-1][:120] if failed.stderr.strip() else failed.returncode}"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _line(name: str, found: dict[str, float] | str, ours: dict[str, Any]) -> str:
    if isinstance(found, str):
        return f"    {name:<16}{found}"
    times = f"{found['wall']:9.2f} s wall {found['processor']:9.2f} s processor {found['peak_mib']:8,.0f} MiB"
    if name == "ours":
        return f"    {name:<16}{times}"
    return (
        f"    {name:<16}{times}   {found['wall'] / ours['wall']:6.1f} x our time, "
        f"{found['peak_mib'] / ours['peak_mib']:.1f} x our memory"
    )


def main(sizes: tuple[int, ...]) -> None:
    """Make tables, run every task by everybody, print."""
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path, other = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
            _table(path, rows, shifted=False)
            _table(other, rows, shifted=True)
            sys.stdout.write(f"{rows:,} rows\n")
            for task, peers in TASKS.items():
                sys.stdout.write(f"  {TITLES[task]}\n")
                ours = _run("ours", task, path, other)
                for name in ("ours", "bare scan", *peers):
                    if rows > SLOWEST.get(name, rows):
                        found: dict[str, float] | str = f"not tried beyond {SLOWEST[name]:,} rows"
                    else:
                        found = ours if name == "ours" else _run(name, task, path, other)
                    sys.stdout.write(
                        _line(name, found, ours if isinstance(ours, dict) else {"wall": 1, "peak_mib": 1}) + "\n"
                    )
                    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        PEERS[sys.argv[2]](sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        main(tuple(int(word) for word in sys.argv[1:]) or SIZES)
