"""Keeps a set of programs running: starts them, restarts what dies, stops all of them together.

Knows nothing of Django and leaves no process behind, not even when it is killed itself. Standard library only, because
this file is also run as a script: `tie` binds a program to the supervisor's life, `guard` cleans up after its death.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

GRACE_SECONDS = 15.0
QUICK_DEATH_SECONDS = 10.0
QUICK_DEATHS_ALLOWED = 5
LONGEST_PAUSE_SECONDS = 8.0
TICK_SECONDS = 0.2
LONGEST_LINE = 65536
SET_PARENT_DEATH_SIGNAL = 1  # prctl's PR_SET_PDEATHSIG
THIS_FILE = str(Path(__file__).resolve())


@dataclass(frozen=True)
class Program:
    """One program: `once` is not restarted and starts when the portal serves, `serves_others` is stopped last.

    Lines that contain `unsaid` are not shown.
    """

    name: str
    command: tuple[str, ...]
    once: bool = False
    serves_others: bool = False
    on_success: Callable[[], None] | None = None
    on_failure: str = ""
    unsaid: str = ""


@dataclass
class Child:
    """A program's process, if it runs, and how often it died soon after its start."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float | None = 0.0
    quick_deaths: int = 0
    rest: bytes = b""

    @property
    def group(self) -> int | None:
        """The process group, which is the process that leads it."""
        return self.process.pid if self.process else None


@dataclass
class Supervisor:
    """Runs the programs until a signal, or until one of them cannot stay alive."""

    programs: Sequence[Program]
    environment: Mapping[str, str]
    folder: Path
    is_ready: Callable[[], bool]
    ready_sentence: str
    kept_open: tuple[int, ...] = ()
    children: list[Child] = field(init=False)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    guard: subprocess.Popen[bytes] | None = None
    ready: bool = False
    asked_to_stop: bool = False
    failure: str = ""

    def __post_init__(self) -> None:
        self.children = [Child(program) for program in self.programs]

    def run(self) -> int:
        """Run until told to stop; return the exit code: 0 after a signal, 1 when a program kept dying."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.ask_to_stop)
        try:
            while not (self.asked_to_stop or self.failure):
                self.keep_guard()
                self.start_due()
                self.read_output(TICK_SECONDS)
                self.look_after_dead()
                self.announce_once()
        finally:
            self.stop()
        if self.failure:
            self.say("portal", self.failure)
        return 1 if self.failure else 0

    def ask_to_stop(self, _number: int, _frame: object) -> None:
        """Stop at the next turn of the loop."""
        self.asked_to_stop = True

    def keep_guard(self) -> None:
        """Start the guard, or a new one if somebody killed it."""
        if self.guard is not None and self.guard.poll() is None:
            return
        self.guard = subprocess.Popen(
            [sys.executable, "-I", THIS_FILE, "guard", *(str(child.group) for child in self.children if child.group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,
            pass_fds=self.kept_open,
            start_new_session=True,
        )

    def tell_guard(self, sign: str, child: Child) -> None:
        """Let the guard know which groups it would have to stop."""
        if child.group and self.guard and self.guard.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.guard.stdin.write(f"{sign}{child.group}\n".encode())

    def start_due(self) -> None:
        """Start what is to run now; programs that run once wait until the portal serves."""
        for child in self.children:
            if child.process or child.due is None or child.due > time.monotonic():
                continue
            if not child.program.once or self.ready:
                self.start(child)

    def start(self, child: Child) -> None:
        """Start one program in a process group of its own, bound to our life."""
        child.process = subprocess.Popen(
            [sys.executable, "-I", THIS_FILE, "tie", str(os.getpid()), *child.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
        )
        child.started = time.monotonic()
        self.tell_guard("+", child)
        if child.process.stdout:
            os.set_blocking(child.process.stdout.fileno(), False)
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def read_output(self, seconds: float) -> None:
        """Print what the programs wrote, waiting at most so long for the first line."""
        if not self.selector.get_map():
            time.sleep(seconds)
        for key, _ in self.selector.select(seconds):
            self.read_from(key.data, key.fileobj)  # type: ignore[arg-type]

    def read_from(self, child: Child, pipe: IO[bytes]) -> bool:
        """Print whole lines of one program and keep the rest for the next time; say whether there was anything."""
        try:
            chunk = os.read(pipe.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return False
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        if not chunk:
            self.selector.unregister(pipe)
        if child.rest and (not chunk or len(child.rest) > LONGEST_LINE):
            lines.append(child.rest)
            child.rest = b""
        unsaid = child.program.unsaid
        for line in map(printable, lines):
            if not (unsaid and unsaid in line):
                self.say(child.program.name, line)
        return bool(chunk)

    def say(self, name: str, line: str) -> None:
        """Print one line under a name; without a reader there is no reason to go on."""
        try:
            print(f"{name:<7}| {line}", flush=True)  # noqa: T201
        except BrokenPipeError:
            self.asked_to_stop = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def look_after_dead(self) -> None:
        """Reap who died and decide what follows."""
        for child in self.children:
            if child.process and has_ended(child.process.pid):
                self.bury(child)

    def bury(self, child: Child) -> None:
        """Kill what the dead left of its group, and plan the restart."""
        if child.process is None:
            return
        self.tell_guard("-", child)
        signal_group(child.process.pid, signal.SIGKILL)
        code = child.process.wait()
        self.close_output(child)
        child.process = None
        if child.program.once:
            child.due = None
            self.finish_once(child.program, code)
            return
        lived = time.monotonic() - child.started
        child.quick_deaths = child.quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
        if child.quick_deaths >= QUICK_DEATHS_ALLOWED:
            self.failure = (
                f"{child.program.name} ended {child.quick_deaths} times in a row soon after its start; see above why."
            )
            return
        pause = min(0.5 * 2 ** max(child.quick_deaths - 1, 0), LONGEST_PAUSE_SECONDS)
        child.due = time.monotonic() + pause
        if not self.asked_to_stop:
            self.say("portal", f"{child.program.name} ended ({ending(code)}); it starts again in {pause:g} s.")

    def finish_once(self, program: Program, code: int) -> None:
        """Note the success of a program that runs once, or say that it failed."""
        if code == 0 and program.on_success:
            program.on_success()
        if code != 0 and not self.asked_to_stop:
            self.say("portal", f"{program.on_failure or program.name + ' failed.'} ({ending(code)})")

    def close_output(self, child: Child) -> None:
        """Print the last words and close the pipe."""
        pipe = child.process.stdout if child.process else None
        if pipe is None:
            return
        while pipe in self.selector.get_map() and self.read_from(child, pipe):
            pass
        if pipe in self.selector.get_map():
            self.selector.unregister(pipe)
        pipe.close()

    def announce_once(self) -> None:
        """Say once that the portal serves."""
        if not self.ready and self.is_ready():
            self.ready = True
            self.say("portal", self.ready_sentence)

    def stop(self) -> None:
        """Stop everything in reverse order, what serves the others last; after the grace period, by force."""
        self.asked_to_stop = True
        deadline = time.monotonic() + GRACE_SECONDS
        for last in (False, True):
            leaving = [c for c in reversed(self.children) if c.process and c.program.serves_others is last]
            for child in leaving:
                if child.process:
                    child.process.terminate()
            self.wait_for(leaving, max(deadline, time.monotonic() + GRACE_SECONDS / 3))
            for child in leaving:
                self.bury(child)
        if self.guard and self.guard.stdin:
            self.guard.stdin.close()
            self.guard.wait()

    def wait_for(self, leaving: list[Child], deadline: float) -> None:
        """Wait until these have ended, printing their last words."""
        while time.monotonic() < deadline:
            if all(child.process is None or has_ended(child.process.pid) for child in leaving):
                return
            self.read_output(TICK_SECONDS / 4)


def has_ended(process: int) -> bool:
    """Say whether our child has ended, without reaping it: its group's number stays taken until we have cleaned up."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def send(process: int, number: int) -> bool:
    """Signal one process; say whether there was one."""
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def signal_group(group: int, number: int) -> bool:
    """Signal a process group; say whether there was one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def ending(code: int) -> str:
    """Say in words how a process ended."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def printable(line: bytes) -> str:
    """Return a line that cannot move the cursor, colour the terminal or forge another line."""
    text = line.decode("utf-8", errors="backslashreplace").rstrip("\r")
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def tie(parent: int, command: list[str]) -> None:
    """Become the command, asked by the kernel to stop when the parent dies (Linux; elsewhere the guard sees to it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606


def guard(groups: list[int]) -> None:
    """Keep the list of groups as the supervisor writes on; when its end of the pipe closes, stop those still on it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.append(group)
        elif group in groups:
            groups.remove(group)
    for group in reversed(groups):
        send(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while groups:
        for group in groups:
            if time.monotonic() > deadline or not send(group, 0):
                signal_group(group, signal.SIGKILL)
        time.sleep(TICK_SECONDS / 2)
        groups = [group for group in groups if signal_group(group, 0) and time.monotonic() < deadline + TICK_SECONDS]


if __name__ == "__main__":
    if sys.argv[1] == "tie":
        tie(int(sys.argv[2]), sys.argv[3:])
    else:
        guard([int(group) for group in sys.argv[2:]])
