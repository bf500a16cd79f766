"""Univariate drift by our monitor and by the libraries that people would use, on the same batches. One per process.

`python drift_peers.py flags PEER ROWS FEATURES FIRST LAST SHIFT` prints a line of JSON per batch: which columns are
flagged, for every seed from FIRST to below LAST.
`python drift_peers.py make ours ROWS SEED SHIFT PATH` writes a table of GROUP columns as Parquet.
`python drift_peers.py time PEER REFERENCE CURRENT` prints seconds of wall and processor of one comparison of two files,
without starting Python or importing, and the peak of the process's memory in MiB.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

LEVELS = 8
REFERENCE_SEED = 10_000
LIMITS = (0.1, 0.25)
GROUP = 20
"""Columns that are judged together as a small batch."""


def reference_rows(rows: int) -> int:
    """Rows of the reference: as many batches as a library needs that learns what is usual from parts of it."""
    return max(5_000, 4 * rows)


def values(rows: int, features: int, seed: int, shift: float = 0.0) -> dict[str, Any]:
    """Columns by name: normal, lognormal, counts, uniform and of eight values in turn; every one of GROUP starts with a
    normal one that is shifted by so many standard deviations.
    """
    rng = np.random.default_rng(seed)
    weights = np.arange(1, LEVELS + 1) / sum(range(1, LEVELS + 1))
    makes: list[Callable[[], Any]] = [
        lambda: rng.normal(0.0, 1.0, rows),
        lambda: rng.lognormal(0.0, 1.0, rows),
        lambda: rng.poisson(3.0, rows).astype(np.float64),
        lambda: rng.random(rows),
        lambda: rng.choice(LEVELS, rows, p=weights),
    ]
    found = {}
    for place in range(features):
        drawn = makes[place % len(makes)]()
        if place % GROUP == 0:
            drawn = drawn + shift
        found[f"x{place}"] = np.array(list("abcdefgh"))[drawn] if drawn.dtype.kind == "i" else drawn
    return found


def frame(rows: int, features: int, seed: int, shift: float = 0.0) -> Any:
    """The same as a data frame."""
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(values(rows, features, seed, shift))


def digest(table: Any) -> str:
    """Tells whether two processes compare the same batches."""
    first = np.asarray(table[next(iter(table))])
    return hashlib.sha256(np.ascontiguousarray(first).tobytes()).hexdigest()[:12]


def _ours(rows: int, features: int, seeds: range, shift: float) -> Iterator[dict[str, Any]]:
    """Verdicts of the monitor by both customary limits of PSI, over all columns and over each GROUP of them.

    The columns are handed to its measures as they are, because writing and reading so many files would take longest.
    """
    from dataclasses import replace  # noqa: PLC0415

    from approvals.measures.exactness import Exactness  # noqa: PLC0415
    from monitoring.monitors._drift import Binning, drift_of_levels, drift_of_numbers  # noqa: PLC0415
    from monitoring.monitors._drift_monitor import reading_from  # noqa: PLC0415
    from monitoring.monitors.feature_drift import FeatureDrift  # noqa: PLC0415

    monitor = FeatureDrift()
    then = values(reference_rows(rows), features, REFERENCE_SEED)
    for seed in seeds:
        now = values(rows, features, seed, shift)
        found = [
            drift_of_levels(then[name], now[name], name)
            if now[name].dtype.kind == "U"
            else drift_of_numbers(then[name], now[name], name, binning=Binning(), exactness=Exactness())
            for name in now
        ]
        reading = reading_from(found, monitor.Parameters(), None, "")
        said: dict[str, Any] = {}
        for limit in LIMITS:
            thresholds = monitor.Thresholds(max_psi=limit)
            parts = []
            for start in range(0, features, GROUP):
                columns = list(now)[start : start + GROUP]
                parts.append(
                    monitor.judge(replace(reading, details={**reading.details, "columns": columns}), thresholds)
                )
            whole = monitor.judge(reading, thresholds)
            said[f"limit {limit:g}"] = {
                "whole": whole.verdict,
                "parts": [part.verdict for part in parts],
                "flagged": _names(whole.failed_measures),
                "flagged in parts": [name for part in parts for name in _names(part.failed_measures)],
            }
        psi = [measure for measure in reading.measures if measure.name.startswith("PSI of ")]
        for limit in LIMITS:
            said[f"bare limit {limit:g}"] = {"flagged": _names(m for m in psi if (m.value or 0.0) > limit)}
        yield {"seed": seed, "digest": digest(now), "said": said}


def _names(measures: Iterable[Any]) -> list[str]:
    return [measure.name.rpartition(" ")[2] for measure in measures]


def _write(table: Any, path: Path) -> None:
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute(f"COPY (SELECT * FROM given) TO '{path}' (FORMAT parquet)")


def _evidently(rows: int, features: int, seeds: range, shift: float) -> Iterator[dict[str, Any]]:
    """Its data drift preset as it comes: a p for short tables, a normed distance for those beyond 1,000 rows."""
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    then = frame(reference_rows(rows), features, REFERENCE_SEED)
    for seed in seeds:
        table = frame(rows, features, seed, shift)
        found = Report([DataDriftPreset()]).run(table, then).dict()
        yield {"seed": seed, "digest": digest(table), "flagged": _drifted(found)}


def _drifted(found: dict[str, Any]) -> list[str]:
    """Columns whose p is below, or whose distance is at or above, the threshold that the library chose."""
    flagged = []
    for metric in found["metrics"]:
        config = metric.get("config", {})
        if not config.get("type", "").endswith("ValueDrift"):
            continue
        value, threshold = float(metric["value"]), float(config["threshold"])
        is_p = "p_value" in config["method"]
        if value < threshold if is_p else value >= threshold:
            flagged.append(config["column"])
    return flagged


def _nannyml(rows: int, features: int, seeds: range, shift: float) -> Iterator[dict[str, Any]]:
    """Its univariate drift as it comes, the batch as one chunk and the reference in chunks of the same size."""
    import nannyml as nml  # noqa: PLC0415

    columns = [f"x{place}" for place in range(features)]
    then = frame(reference_rows(rows), features, REFERENCE_SEED)
    calculator = nml.UnivariateDriftCalculator(column_names=columns, chunk_size=rows).fit(then)
    for seed in seeds:
        table = frame(rows, features, seed, shift)
        found = calculator.calculate(table).filter(period="analysis").to_df()
        flagged = [
            name
            for name in columns
            if any(
                found[name][method]["alert"].any() for method in found[name].columns.levels[0] if method in found[name]
            )
        ]
        yield {"seed": seed, "digest": digest(table), "flagged": flagged}


FLAGS = {"ours": _ours, "evidently": _evidently, "nannyml": _nannyml}


def _time_ours(then: Path, now: Path, exact_rows: int | None = None) -> None:
    # What peers import before they start is imported before we start.
    import scipy.stats  # noqa: PLC0415, F401

    from approvals.checks.base import Input, Job  # noqa: PLC0415
    from monitoring.monitors.feature_drift import FeatureDrift  # noqa: PLC0415

    monitor = FeatureDrift()
    names = [f"x{place}" for place in range(GROUP)]
    details: dict[str, Any] = {"label": "y", "prediction": "x0", "kind": "regression", "features": names}
    inputs = {
        name: Input(name, path, path.name, name, details=details)
        for name, path in (("reference", then), ("batch", now))
    }
    parameters = monitor.Parameters() if exact_rows is None else monitor.Parameters(exact_rows=exact_rows)
    limits = monitor.Thresholds(max_psi=0.25)
    with tempfile.TemporaryDirectory() as folder:
        start = _now()
        reading = monitor.measure(Job(inputs, {}, parameters, 1, Path(folder), limits), lambda share, text: None)
        monitor.judge(reading, limits)
        _say(start)


def _time_evidently(then: Path, now: Path) -> None:
    import pandas as pd  # noqa: PLC0415
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    start = _now()
    tables = [pd.read_parquet(path) for path in (then, now)]
    Report([DataDriftPreset()]).run(tables[1], tables[0]).dict()
    _say(start)


TIMES: dict[str, Callable[[Path, Path], None]] = {
    "ours": _time_ours,
    "ours, bounds": lambda then, now: _time_ours(then, now, exact_rows=0),
    "evidently": _time_evidently,
}


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


def _say(start: tuple[float, float]) -> None:
    wall, processor = (now - before for now, before in zip(_now(), start, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"wall": wall, "processor": processor, "peak_mib": peak}) + "\n")


def main(task: str, peer: str, *given: str) -> None:
    """One task by one library."""
    if task == "make":
        _write(frame(int(given[0]), GROUP, int(given[1]), float(given[2])), Path(given[3]))
        return
    if task == "time":
        TIMES[peer](Path(given[0]), Path(given[1]))
        return
    rows, features, first, last = (int(value) for value in given[:4])
    for found in FLAGS[peer](rows, features, range(first, last), float(given[4])):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
