"""Checks that misbehave, for the tests of the sandbox. No registry loads them; tests hand the class over."""

import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from approvals.checks._evaluation import opened
from approvals.checks.base import Check, CheckInputError, Judgement, Reading
from approvals.measures.distances import distances
from approvals.measures.samples import ColumnSample
from approvals.measures.score_reading import read_scores


@dataclass(frozen=True)
class Nothing:
    """No settings."""


class Polite(Check):
    """Reports progress, reads its input, answers."""

    title = "Polite"
    version = "1"
    optional_inputs = ("training_record",)
    Parameters = Nothing
    Thresholds = Nothing

    def measure(self, job, report):
        for step in range(4):
            report(step / 4, f"Step {step}")
        sys.stdout.write("a library prints to standard output\n")
        text = job.input("training_record").path.read_text() if job.inputs else ""
        return Reading(measures=(), looked_at=("the weather",), details={"text": text, "seed": job.seed})

    def judge(self, reading, thresholds):
        return Judgement("not_computable", ("Only a test.",))


class Hog(Polite):
    def measure(self, job, report):
        kept = [bytearray(64 * 1024 * 1024) for _ in range(100)]
        return Reading(measures=(), looked_at=(str(len(kept)),))


class Loop(Polite):
    def measure(self, job, report):
        while True:
            pass


class Sleep(Polite):
    def measure(self, job, report):
        time.sleep(120)
        return Reading(measures=(), looked_at=())


class Segfault(Polite):
    def measure(self, job, report):
        os.kill(os.getpid(), signal.SIGSEGV)
        return Reading(measures=(), looked_at=())


class Raises(Polite):
    def measure(self, job, report):
        raise RuntimeError("a bug in a check")


class Quits(Polite):
    def measure(self, job, report):
        os._exit(0)


class Complains(Polite):
    def measure(self, job, report):
        raise CheckInputError("The table has no rows.")


class Infinite(Polite):
    def measure(self, job, report):
        return Reading(measures=(), looked_at=(), details={"value": float("nan")})


class Babbles(Polite):
    def measure(self, job, report):
        while True:
            for descriptor in range(3, 12):
                try:
                    os.write(descriptor, b"x" * 65536)
                except OSError:
                    continue


class Shouts(Polite):
    def measure(self, job, report):
        for _ in range(200):
            sys.stderr.write("line " * 200 + "\n")
        return Reading(measures=(), looked_at=())


class Phones(Polite):
    def measure(self, job, report):
        try:
            socket.create_connection((job.facts["host"], job.facts["port"]), timeout=3)
        except OSError as error:
            return Reading(measures=(), looked_at=(), details={"refused": error.strerror or str(error)})
        return Reading(measures=(), looked_at=(), details={"refused": ""})


class Pokes(Polite):
    """Tries to read and write where it must not."""

    def measure(self, job, report):
        results = {}
        for name, path in job.facts["read"].items():
            results[f"read {name}"] = _attempt(lambda path=path: Path(path).read_bytes())
        for name, path in job.facts["write"].items():
            results[f"write {name}"] = _attempt(lambda path=path: Path(path).write_bytes(b"x"))
        results["write scratch"] = _attempt(lambda: (job.work / "scratch").write_bytes(b"x"))
        results["environment"] = " ".join(sorted(os.environ))
        return Reading(measures=(), looked_at=(), details=results)


class Grows(Polite):
    def measure(self, job, report):
        with (job.work / "big").open("wb") as stream:
            for _ in range(100):
                stream.write(b"x" * 1024 * 1024)
        return Reading(measures=(), looked_at=())


def _attempt(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"


class Waits(Polite):
    """Opens its table, says so, and waits until somebody has written to a file of it."""

    optional_inputs = ("evaluation_table",)

    def measure(self, job, report):
        with opened(job.input("evaluation_table"), job) as table:
            rows = table.rows
        path = job.facts["path"]
        before = os.stat(path).st_mtime_ns  # noqa: PTH116
        report(0.5, "Waiting")
        while os.stat(path).st_mtime_ns == before:  # noqa: PTH116
            time.sleep(0.01)
        return Reading(measures=(), looked_at=(), details={"rows": rows})


class LooksAround(Polite):
    """Says what it can read, and what others can read about it."""

    optional_inputs = ("evaluation_table",)

    def measure(self, job, report):
        found = {path: _can_read(Path(path)) for path in job.facts["paths"]}
        about = [Path("/proc/self", name).read_bytes().decode() for name in ("cmdline", "environ")]
        found["scratch"] = sorted(path.name for path in job.work.iterdir())
        found["told"] = any(job.facts["secret"] in text for text in about)
        return Reading(measures=(), looked_at=(), details=found)


def _can_read(path):
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


class Plods(Polite):
    """Reads scores and distances of its table in small ranges."""

    inputs = ("evaluation_table",)

    def measure(self, job, report):
        report(0.0, "Reading")
        with opened(job.input("evaluation_table"), job) as table:
            scores = read_scores(table, "s", "y", positive=1, block_rows=40)
            apart = distances(ColumnSample(table, "s"), ColumnSample(table, "x"), quantiles=(0.5,), block_rows=40)
            found = {"ranks": repr(scores.ranks), "levels": table.counts("y"), "distances": repr(apart)}
        return Reading(measures=(), looked_at=(), details={**found, "levels": repr(found["levels"])})


class Tells(Polite):
    """Prints where a connection leads, as a library might, and fails."""

    optional_inputs = ("evaluation_table",)

    def measure(self, job, report):
        for text in job.facts["url"]:
            sys.stderr.write(f"connecting to {text}\n")
        raise RuntimeError(job.facts["url"][0])
