"""Runs a check's measurement in a child process that has little memory, little time and no network.

Decides nothing about the model: it hands back the reading, or one sentence on why there is none.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from approvals.checks import find
from approvals.checks._readings import reading_from_json
from approvals.checks.base import Check, Input, Reading

ROOT = Path(__file__).resolve().parents[1]
LONGEST_ANSWER = 32 * 1024 * 1024
LONGEST_LOG = 16 * 1024
LOOK_EVERY, ASK_EVERY, TELL_EVERY = 0.25, 1.0, 0.5
_SHORTEST_SECRET = 4
_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryException", "std::bad_alloc", "annot allocate memory")


@dataclass(frozen=True)
class Limits:
    """What a measurement may use before it is stopped."""

    memory_mb: int = 2048
    cpu_seconds: int = 300
    wall_seconds: int = 300
    file_mb: int = 2048


@dataclass(frozen=True)
class Kept:
    """Where a measurement keeps what later attempts go on with: a folder of its own, used by no other run.

    What took less than `least_seconds` is not kept; carried sums are kept again after `state_every` seconds.
    """

    folder: Path
    least_seconds: float = 0.25
    state_every: float = 2.0


@dataclass(frozen=True)
class JobDescription:
    """What a measurement looks at. Facts, parameters and thresholds are plain JSON values, the latter two as the policy
    says them; without thresholds every number is computed exactly. `further_thresholds` are what they will be
    compared with besides. `output` is a folder for files that are asked for.
    """

    inputs: Mapping[str, Input]
    facts: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    kept: Kept | None = None
    thresholds: Mapping[str, Any] | None = None
    output: Path | None = None
    further_thresholds: tuple[Mapping[str, Any], ...] = ()


class SandboxError(Exception):
    """There is no reading. `kind` is "memory", "time", "crashed", "input", "unreachable", "denied" or "stopped"."""

    def __init__(self, sentence: str, *, kind: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.kind = kind
        self.log = log


UNREACHABLE = "unreachable"
"""Kind of a failure that may pass: a connection did not answer."""
DENIED = "denied"
"""Kind of a failure that an administrator ends: a connection refuses the account that the portal has."""
ABOUT_INPUTS = ("input", UNREACHABLE, DENIED)
"""Kinds of failures that say something about what was to be looked at; their sentences are for whoever brought it."""


class Seldom:
    """Hands on the newest progress at most every half second, because each time a row is written; `flush` the rest."""

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        self._tell = tell
        self._waiting: tuple[int, str] | None = None
        self._told_at = 0.0

    def __call__(self, percent: int, text: str) -> None:
        """Something is done."""
        self._waiting = (percent, text)
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits."""
        if self._waiting is not None:
            waiting, self._waiting, self._told_at = self._waiting, None, time.monotonic()
            self._tell(*waiting)


def _no_progress(percent: int, text: str) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False


def run_measurement(
    *,
    check_key: str,
    job: JobDescription,
    limits: Limits = Limits(),
    on_progress: Callable[[int, str], None] = _no_progress,
    should_stop: Callable[[], bool] = _never,
    work_root: Path | None = None,
) -> Reading:
    """Measure with the check of that key. Raises SandboxError with a sentence when there is no reading."""
    check = find(check_key)
    if check is None:
        raise SandboxError(f"This portal has no check “{check_key}”.", kind="input")
    return measure_in_child(
        check=check, job=job, limits=limits, on_progress=on_progress, should_stop=should_stop, work_root=work_root
    )


def measure_in_child(
    *,
    check: type[Check],
    job: JobDescription,
    limits: Limits = Limits(),
    on_progress: Callable[[int, str], None] = _no_progress,
    should_stop: Callable[[], bool] = _never,
    work_root: Path | None = None,
) -> Reading:
    """Measure with that class in a process of its own, in a scratch folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="check-", dir=work_root, ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve()
        with tempfile.TemporaryFile(dir=scratch) as order:  # without a name: it may hold the URL of a connection
            order.write(json.dumps(_order(check, job, limits, scratch), allow_nan=False).encode())
            order.seek(0)
            process = _start(order, scratch)
        try:
            conversation = _Conversation(process, limits, on_progress, should_stop, secrets_of(job))
            conversation.listen()
        finally:
            _kill(process)
    return conversation.result()


def _order(check: type[Check], job: JobDescription, limits: Limits, scratch: Path) -> dict[str, Any]:
    return {
        "check": f"{check.__module__}:{check.__qualname__}",
        "inputs": {kind: piece.as_json() for kind, piece in job.inputs.items()},
        "facts": dict(job.facts),
        "parameters": dict(job.parameters),
        "seed": job.seed,
        "kept": {**asdict(job.kept), "folder": str(job.kept.folder.resolve())} if job.kept else None,
        "thresholds": None if job.thresholds is None else dict(job.thresholds),
        "further_thresholds": [dict(given) for given in job.further_thresholds],
        "output": None if job.output is None else str(job.output.resolve()),
        "limits": asdict(limits),
        "work": str(scratch),
        "parent": os.getpid(),
    }


@cache
def _sorting() -> dict[str, str]:
    """Zen 4 (AMD family 25) sorts six times slower with AVX-512 than without: numpy, pull request 32690."""
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    is_affected = re.search(r"AuthenticAMD[\s\S]*cpu family\s*: 25\b[\s\S]*\bavx512_vbmi2\b", described)
    return {"NPY_DISABLE_CPU_FEATURES": "AVX512_ICL X86_V4"} if is_affected else {}


def _start(questions: IO[bytes], scratch: Path) -> subprocess.Popen[bytes]:
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "OPENBLAS_NUM_THREADS": "1",  # each thread of it would reserve address space that the limit counts
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # so would each thread's own heap: two tables of 30 columns did not fit
        **_sorting(),
    }
    return subprocess.Popen(
        [sys.executable, "-s", "-P", "-m", "approvals.checks._child"],
        stdin=questions,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=scratch,
        env=environment,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it may have started; its group is its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


class _Conversation:
    """Reads what the child says until it ends, takes too long, says too much or is not wanted any more."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        on_progress: Callable[[int, str], None],
        should_stop: Callable[[], bool],
        secrets: tuple[str, ...],
    ) -> None:
        self._process = process
        self._secrets = secrets
        self._limits = limits
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._answer = bytearray()
        self._errors = b""
        self._last: dict[str, Any] = {}
        self._ended = ""

    def listen(self) -> None:
        """Until the child has closed both of its mouths and ended, or has to be stopped."""
        deadline = time.monotonic() + self._limits.wall_seconds
        ask_at = 0.0
        with selectors.DefaultSelector() as selector:
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                now = time.monotonic()
                if now > deadline:
                    self._ended = "time"
                elif now >= ask_at:
                    self._ended = "stopped" if self._should_stop() else self._ended
                    ask_at = now + ASK_EVERY
                if self._ended:
                    return
                for key, _ in selector.select(LOOK_EVERY):
                    chunk = os.read(key.fd, 65536)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stdout:
                        self._hear(chunk)
                    else:
                        self._errors = (self._errors + chunk)[-LONGEST_LOG:]
        self._wait(deadline)

    def _wait(self, deadline: float) -> None:
        try:
            self._process.wait(timeout=max(deadline - time.monotonic(), 1.0))
        except subprocess.TimeoutExpired:
            self._ended = "time"

    def _hear(self, chunk: bytes) -> None:
        self._answer += chunk
        if len(self._answer) > LONGEST_ANSWER:
            self._ended = "babble"
        if b"\n" not in chunk:
            return
        *lines, self._answer = self._answer.split(b"\n")
        for line in lines:
            said = _object(bytes(line))
            if "percent" in said:
                self._on_progress(int(said["percent"]), str(said.get("text", "")))
            else:
                self._last = said

    def result(self) -> Reading:
        """The reading, or SandboxError."""
        if self._ended:
            raise self._stopped()
        if "input_error" in self._last:
            raise SandboxError(self._hidden(str(self._last["input_error"])), kind="input", log=self._log())
        for kind in (UNREACHABLE, DENIED):
            if kind in self._last:
                raise SandboxError(self._hidden(str(self._last[kind])), kind=kind, log=self._log())
        if "reading" in self._last and self._process.returncode == 0:
            reading = reading_from_json(self._last["reading"])
            return replace(reading, log=(*reading.log, *self._log(), *self._last["log"]))
        raise self._broken()

    def _stopped(self) -> SandboxError:
        sentences = {
            "time": f"The check took longer than {self._limits.wall_seconds:,} s and was stopped.",
            "stopped": "The check was stopped because its result is not wanted any more.",
            "babble": "The check gave an answer that is too long to be stored and was stopped.",
        }
        kind = "crashed" if self._ended == "babble" else self._ended
        return SandboxError(sentences[self._ended], kind=kind, log=self._log())

    def _broken(self) -> SandboxError:
        code = self._process.returncode
        errors = self._errors.decode("utf-8", "replace")
        if "out_of_memory" in self._last or any(word in errors[-2000:] for word in _OUT_OF_MEMORY):
            sentence = f"The check needed more than {self._limits.memory_mb:,} MiB of memory and was stopped."
            return SandboxError(sentence, kind="memory", log=self._log())
        if code == -signal.SIGXCPU:
            sentence = f"The check used more than {self._limits.cpu_seconds:,} s of processor time and was stopped."
            return SandboxError(sentence, kind="time", log=self._log())
        if code == -signal.SIGKILL:
            sentence = "The system killed the check, which happens when the machine runs out of memory."
            return SandboxError(sentence, kind="crashed", log=self._log())
        how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        sentence = f"The check crashed {how}; it says nothing about the model."
        return SandboxError(sentence, kind="crashed", log=self._log())

    def _log(self) -> tuple[str, ...]:
        return tuple(self._hidden(self._errors.decode("utf-8", "replace")).splitlines())

    def _hidden(self, text: str) -> str:
        """The text without what a connection's URL gives away, whichever library put it there."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def secrets_of(job: JobDescription) -> tuple[str, ...]:
    """URLs of connections, their passwords and hosts, as they stand and as they are meant; the longest first."""
    found: set[str] = set()
    for piece in job.inputs.values():
        if piece.table is None or not piece.table.is_relation:
            continue
        url = urlsplit(piece.table.target)
        found.add(piece.table.target)
        hosts = {url.netloc.rpartition("@")[2].partition(":")[0], url.hostname or ""}
        for text in (url.password or "", *hosts):
            found |= {text, unquote(text)}
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True))


def _object(line: bytes) -> dict[str, Any]:
    """One line of the child's answer; a line that is no JSON object is taken as silence."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
