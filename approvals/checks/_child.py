"""The child process that measures: reads a job, gives up its rights, runs one check, answers in JSON lines.

Run as `python -m approvals.checks._child`. Knows no database, no settings and no network.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from approvals.checks._progress import Progress
from approvals.checks._readings import reading_as_json
from approvals.checks._referenced import files_of_connections, kept_network, measured_unchanged, start_engines
from approvals.checks.base import Check, CheckInputError, Input, Job, ParameterError, build
from approvals.confinement import close_file_system, die_with_parent, leave_network, limit_resources
from approvals.measures.keeping import Keeper, Undertaking, under_way


def main() -> None:
    """Answer with progress lines and one last line: a reading, or why there is none."""
    order = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the answer
    progress = Progress(answers)
    try:
        progress.last(_run(order, progress))
    except CheckInputError as error:
        _log_causes(error)
        progress.last({error.kind: error.sentence})
    except ParameterError as error:
        progress.last({"input_error": error.sentence})
    except MemoryError:
        progress.last({"out_of_memory": True})


def _run(order: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    inputs = {kind: Input.from_json(piece) for kind, piece in order["inputs"].items()}
    work = Path(order["work"])
    log = _confine(order, inputs, work)
    progress.keep_saying()
    check, keeper = _load(order["check"])(), _keeper(order["kept"])
    _refuse_inputs(check, inputs)
    parameters = build(check.Parameters, order["parameters"], owner=f"Check {check.title}")
    thresholds = _thresholds(check, order["thresholds"])
    output = Path(order["output"]) if order["output"] else None
    further = tuple(_thresholds(check, given) for given in order["further_thresholds"])
    job = Job(inputs, order["facts"], parameters, order["seed"], work, thresholds, output, further)
    verified = () if check.hashes_inputs_itself else inputs.values()
    with under_way(Undertaking(keeper, progress.told, progress.asked)):
        reading = measured_unchanged(verified, progress, lambda report: check.measure(job, report))
    return {"reading": reading_as_json(reading), "log": [*log, *_remembered(keeper), _usage()]}


def _keeper(kept: Mapping[str, Any] | None) -> Keeper:
    if kept is None:
        return Keeper(None)
    return Keeper(Path(kept["folder"]), least_seconds=kept["least_seconds"], state_every=kept["state_every"])


def _remembered(keeper: Keeper) -> list[str]:
    used = [f"{keeper.used:,} results that an earlier attempt had kept were used."] if keeper.used else []
    return [*dict.fromkeys(keeper.notes), *used]


def _confine(order: Mapping[str, Any], inputs: Mapping[str, Input], work: Path) -> list[str]:
    limits = order["limits"]
    tables = [piece.table for piece in inputs.values() if piece.table is not None]
    relations = [table for table in tables if table.is_relation]
    notes = [start_engines(relations), kept_network(relations) if relations else leave_network()]
    die_with_parent(order["parent"])
    paths = [piece.path for piece in inputs.values()]
    paths += [path for table in tables for path in table.paths]
    folders = (order["kept"] and order["kept"]["folder"], order["output"])
    writable = [work, *(Path(folder) for folder in folders if folder)]
    notes.append(close_file_system(readable=[*paths, *files_of_connections(relations)], writable=writable))
    limit_resources(memory_mb=limits["memory_mb"], cpu_seconds=limits["cpu_seconds"], file_mb=limits["file_mb"])
    return [note for note in notes if note]


def _refuse_inputs(check: Check, inputs: Mapping[str, Input]) -> None:
    for kind in check.inputs:
        if kind not in inputs:
            raise CheckInputError(f"No {kind.replace('_', ' ')} is attached; attach one and run the check again.")
    for piece in inputs.values():
        if not piece.path.is_file():
            raise CheckInputError(f"The stored bytes of {piece.name} are gone; upload the file again.")
        if check.runs_artifact and piece.table is not None and piece.table.is_relation:
            raise CheckInputError(
                f"{check.title} runs the artifact, which it never does beside an open network, and {piece.name} is a "
                "table of a connection; attach the rows as files to run it."
            )
    if not check.hashes_inputs_itself:
        _refuse_changed_files(inputs)


def _thresholds(check: Check, given: Mapping[str, Any] | None) -> Any:
    try:
        return None if given is None else build(check.Thresholds, given, owner=f"Check {check.title}")
    except ParameterError:
        return None  # who judges says what is wrong with them; until then everything is computed


def _load(name: str) -> type[Check]:
    module, _, attribute = name.partition(":")
    check: type[Check] = getattr(importlib.import_module(module), attribute)
    return check


def _refuse_changed_files(inputs: Mapping[str, Input]) -> None:
    for piece in inputs.values():
        with piece.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != piece.sha256:
                raise CheckInputError(
                    f"The stored bytes of {piece.name} no longer have the digest recorded at upload; "
                    "nothing was measured. Upload the file again and tell an administrator."
                )


def _log_causes(error: BaseException) -> None:
    """What a library said before we put it into a sentence; standard error becomes the log of the run."""
    while (cause := error.__cause__ or error.__context__) is not None:
        print(f"{type(cause).__name__}: {cause}", file=sys.stderr)  # noqa: T201
        error = cause


def _usage() -> str:
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    return f"Used {used.ru_utime + used.ru_stime:.1f} s of processor time and at most {peak:,.0f} MiB of memory."


if __name__ == "__main__":
    main()
