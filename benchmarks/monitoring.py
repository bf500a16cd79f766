"""Drift of batches by our monitor and by the libraries that people would use: alarms, real shifts, time and memory.

Run `make benchmark-monitoring`, or `python -m benchmarks.monitoring [--parts alarms,cost] [--seeds N] [ROWS …]`.
Alarms: batches of the same distribution as the reference, and batches in which one of twenty features is shifted by a
declared share of its standard deviation, the same ones for everybody (a digest is compared). A batch raises an alarm if
any feature is flagged. The others decide about every feature by itself, so that 200 features are ten batches of 20 put
together; ours adjusts for their number and is asked for 200. Cost: one comparison of 20 features in a process of its
own, rounds of ours, theirs, ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.drift_peers import GROUP, LIMITS

ROOT = Path(__file__).resolve().parents[1]
SIZES = (100, 500, 5_000, 50_000)
COST_ROWS = (1_000_000, 10_000_000)
FEATURES, SEEDS = 200, 100
SHIFTED_SEEDS = 10
SHIFTS = (0.35, 0.7)
LARGEST_OF_ALL_FEATURES, FEWER_SEEDS = 5_000, 30
"""Beyond so many rows our batches of 200 features are fewer, because each takes seconds."""
ENVIRONMENTS = {
    "evidently": ("evidently==0.7.23", "pandas<3", "pyarrow"),
    "nannyml": ("nannyml==0.13.1", "statsmodels", "pyarrow"),
}
MINUTES = 90
COST_ROUNDS, LONG_SECONDS = 3, 120.0


def command(peer: str, *given: object) -> list[str]:
    """How a task runs in the environment of a library."""
    words = [str(word) for word in given]
    if peer not in ENVIRONMENTS:
        return [sys.executable, "-m", "benchmarks.drift_peers", *words]
    with_all = [word for name in ENVIRONMENTS[peer] for word in ("--with", name)]
    uv = [str(ROOT / ".tools/bin/uv"), "run", "--no-project", "--quiet", *with_all, "python", "-W", "ignore"]
    return [*uv, str(ROOT / "benchmarks/drift_peers.py"), *words]


def lines_of(peer: str, *given: object) -> list[dict[str, Any]] | str:
    """What a task printed, or why it printed nothing. No library reports to its makers that it was used."""
    silent = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    try:
        done = subprocess.run(
            command(peer, *given),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60 * MINUTES,
            check=True,
            env=silent,
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {MINUTES} minutes"
    except subprocess.CalledProcessError as failed:
        return f"failed: {failed.stderr.strip().splitlines()[-1][:120] if failed.stderr.strip() else failed.returncode}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _share(flags: Iterable[bool]) -> str:
    found = list(flags)
    return f"{sum(found):,} of {len(found):,} ({sum(found) / len(found):.1%})" if found else "none"


def _alarms_of_ours(rows: int, seeds: int) -> dict[str, str]:
    """Prints how many batches where nothing changed raise an alarm; gives the digests by seed."""
    parts = [(FEATURES, 1, seeds + 1)]
    if rows > LARGEST_OF_ALL_FEATURES:
        parts = [(FEATURES, 1, FEWER_SEEDS + 1), (GROUP, FEWER_SEEDS + 1, seeds + 1)]
    found: list[dict[str, Any]] = []
    for features, first, last in parts:
        said = lines_of("ours", "flags", "ours", rows, features, first, last, 0.0)
        if isinstance(said, str):
            raise SystemExit(f"Ours {said}.")
        found += [{**one, "features": features} for one in said]
    for limit in LIMITS:
        key = f"limit {limit:g}"
        small = [verdict for one in found for verdict in one["said"][key]["parts"]]
        large = [one["said"][key]["whole"] for one in found if one["features"] == FEATURES]
        for features, verdicts in ((GROUP, small), (FEATURES, large)):
            alarms, silent = _share(v == "breach" for v in verdicts), _share(v == "not_computable" for v in verdicts)
            _say(f"    ours, PSI {limit:g}        {features:>4} features: alarms {alarms}; not computable {silent}")
        bare = [one["said"][f"bare {key}"]["flagged"] for one in found]
        _say(f"    PSI {limit:g} alone        {found[0]['features']:>4} features: alarms {_share(map(bool, bare))}")
    return {str(one["seed"]): one["digest"] for one in found}


def _alarms_of(peer: str, rows: int, seeds: int, digests: dict[str, str]) -> None:
    found = lines_of(peer, "flags", peer, rows, GROUP, 1, seeds + 1, 0.0)
    if isinstance(found, str):
        _say(f"    {peer:<20}{found}")
        return
    if any(digests[str(one["seed"])] != one["digest"] for one in found):
        raise SystemExit(f"{peer} did not get the batches that ours got.")
    flags = [bool(one["flagged"]) for one in found]
    blocks = FEATURES // GROUP
    large = [any(flags[start : start + blocks]) for start in range(0, len(flags) - blocks + 1, blocks)]
    columns = sum(len(one["flagged"]) for one in found) / (len(found) * GROUP)
    most = [len(one["flagged"]) * 2 >= GROUP for one in found]
    _say(
        f"    {peer:<20}{GROUP:>4} features: alarms {_share(flags)}; half of all features flagged {_share(most)}; "
        f"of single features {columns:.1%}"
    )
    _say(f"    {peer:<20}{FEATURES:>4} features: alarms {_share(large)}")


def _detection(rows: int, shift: float, peers: Sequence[str], seeds: int) -> None:
    found = lines_of("ours", "flags", "ours", rows, FEATURES, 1, SHIFTED_SEEDS + 1, shift)
    if isinstance(found, str):
        raise SystemExit(f"Ours {found}.")
    moved = [f"x{place}" for place in range(0, FEATURES, GROUP)]
    _say(f"  {rows:,} rows, one of twenty features shifted by {shift:g} standard deviations: found")
    for limit in LIMITS:
        for words, key, features in (("flagged in parts", "parts", GROUP), ("flagged", "whole", FEATURES)):
            flags = [name in one["said"][f"limit {limit:g}"][words] for one in found for name in moved]
            dark = _share(verdict == "not_computable" for one in found for verdict in _all(one, limit, key))
            _say(f"    ours, PSI {limit:g}        {features:>4} features: {_share(flags)}; not computable {dark}")
    for peer in peers:
        said = lines_of(peer, "flags", peer, rows, 1, 1, seeds + 1, shift)
        text = said if isinstance(said, str) else _share("x0" in one["flagged"] for one in said)
        _say(f"    {peer:<20}{text}")


def _all(one: dict[str, Any], limit: float, key: str) -> list[str]:
    said = one["said"][f"limit {limit:g}"][key]
    return said if isinstance(said, list) else [said]


def alarms(sizes: Sequence[int], seeds: int, peers: Sequence[str]) -> None:
    """Alarms by chance and shifts that are found, at each size of batch."""
    for rows in sizes:
        _say(f"  {rows:,} rows, nothing changed")
        digests = _alarms_of_ours(rows, seeds)
        for peer in peers:
            _alarms_of(peer, rows, seeds, digests)
        for shift in SHIFTS:
            _detection(rows, shift, peers, seeds)


def cost(sizes: Sequence[int]) -> None:
    """Time and peak memory of one comparison of 20 features beside Evidently's data drift preset, on the same files."""
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            then, now = (Path(folder, f"{name}.parquet") for name in ("reference", "batch"))
            for seed, path in ((1, then), (2, now)):
                made = lines_of("ours", "make", "ours", rows, seed, 0.1 * (seed - 1), path)
                if isinstance(made, str):
                    raise SystemExit(f"The table {made}.")
            _say(f"  {rows:,} rows in the reference and in the batch, {GROUP} features")
            _rounds(then, now)


def _rounds(then: Path, now: Path) -> None:
    spent: dict[str, list[dict[str, Any]]] = {"ours": [], "ours, bounds": [], "evidently": []}
    while len(spent["evidently"]) < COST_ROUNDS and sum(one["wall"] for one in spent["evidently"]) < LONG_SECONDS:
        for peer in ("ours", "evidently", "ours, bounds"):
            found = lines_of(peer, "time", peer, then, now)
            if isinstance(found, str):
                _say(f"    {peer:<16}{found}")
                return
            spent[peer].append(found[-1])
    middle = {
        peer: {name: statistics.median(one[name] for one in found) for name in ("wall", "processor", "peak_mib")}
        for peer, found in spent.items()
    }
    for peer, one in middle.items():
        ratios = " ".join(
            f"{middle['evidently'][name] / one[name]:6.1f} x {words}"
            for name, words in (("wall", "wall"), ("processor", "processor"), ("peak_mib", "memory"))
        )
        beside = f"   evidently takes {ratios}" if peer != "evidently" else f"   ({len(spent[peer])} rounds)"
        _say(
            f"    {peer:<16}{one['wall']:9.2f} s wall {one['processor']:9.2f} s processor {one['peak_mib']:8,.0f} MiB"
            + beside
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(parts: Sequence[str], sizes: Sequence[int], seeds: int, peers: Sequence[str]) -> None:
    """Everything that was asked for."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    python = platform.python_version()
    _say(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, load {load:.1f} for each, Python {python}")
    if "alarms" in parts:
        alarms(sizes or SIZES, seeds, peers)
    if "cost" in parts:
        cost(sizes or COST_ROWS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="alarms,cost")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--peers", default=",".join(ENVIRONMENTS))
    parser.add_argument("rows", nargs="*", type=int)
    asked = parser.parse_args()
    main(asked.parts.split(","), asked.rows, asked.seeds, [name for name in asked.peers.split(",") if name])
