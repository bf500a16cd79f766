"""The supervisor: what dies comes back, what keeps dying stops all, and nothing is left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

from monitoring.drawing import DRAW_READING_TASK
from monitoring.outcomes_in_use import MATCH_TASK, READ_TASK
from portal.processes import printable

SUPERVISE = """
import json, os, sys
from pathlib import Path
from portal import processes
processes.LONGEST_PAUSE_SECONDS = 0.05
processes.GRACE_SECONDS = float(sys.argv[2])
programs = [
    processes.Program(command=(sys.executable, "-c", spec.pop("code")), on_success=Path("success").touch, **spec)
    for spec in json.loads(sys.argv[1])
]
sys.exit(processes.Supervisor(programs, os.environ, Path.cwd(), lambda: True, "Ready.").run())
"""
NOTE_AND_SLEEP = """
import os, pathlib, time
with open("started", "a") as file:
    file.write(f"{os.getpid()}\\n")
print("hello", flush=True)
time.sleep(600)
"""
NOTE_ITS_END = """
import pathlib, signal, sys, time
def end(*_):
    with open("ended", "a") as file:
        file.write("NAME\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path("NAME").touch()
time.sleep(600)
"""
WITH_A_DEAF_CHILD = """
import os, signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
with open("started", "a") as file:
    file.write(f"{os.getpid()}\\n{child.pid}\\n")
time.sleep(600)
"""


def eventually(question: Callable[[], object]) -> bool:
    """Say whether the answer becomes yes; the limit is only there for what is broken."""
    for _ in range(10_000):
        if question():
            return True
        time.sleep(0.01)
    return False


def runs(process: int) -> bool:
    """Say whether a process runs; one that ended and waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Supervised:
    folder: Path
    process: "subprocess.Popen[str] | None" = None

    def start(self, *programs: dict[str, object], grace: float = 60) -> "subprocess.Popen[str]":
        """Supervise programs that end when they are told to; the grace is for those who do not."""
        command = [sys.executable, "-c", SUPERVISE, json.dumps(programs), str(grace)]
        environment = os.environ | {"PYTHONPATH": str(settings.BASE_DIR)}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self.process

    def started(self) -> list[int]:
        path = self.folder / "started"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def guard(self) -> int:
        assert self.process
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"\0guard\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return 0

    def stop(self) -> tuple[int, str]:
        assert self.process
        self.process.terminate()
        output, _ = self.process.communicate()
        return self.process.returncode, output


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    one = Supervised(tmp_path)
    yield one
    if one.process and one.process.stdout and not one.process.stdout.closed:
        one.process.terminate()
        one.process.communicate()


def test_a_killed_program_starts_again(supervised):
    supervised.start({"name": "worker", "code": NOTE_AND_SLEEP})
    assert eventually(lambda: len(supervised.started()) == 1)
    os.kill(supervised.started()[0], signal.SIGKILL)
    assert eventually(lambda: len(supervised.started()) == 2)
    code, output = supervised.stop()
    assert code == 0
    assert "worker | hello" in output
    assert "portal | worker ended (killed by SIGKILL); it starts again" in output


def test_what_a_killed_program_leaves_of_its_group_is_killed(supervised):
    supervised.start({"name": "worker", "code": WITH_A_DEAF_CHILD})
    assert eventually(lambda: len(supervised.started()) == 2)
    parent, child = supervised.started()
    os.kill(parent, signal.SIGKILL)
    assert eventually(lambda: not runs(child))


def test_a_program_that_keeps_dying_stops_all(supervised):
    process = supervised.start(
        {"name": "web", "code": NOTE_AND_SLEEP}, {"name": "worker", "code": "raise SystemExit('no such broker')"}
    )
    output, _ = process.communicate()
    assert process.returncode == 1
    assert output.count("worker | no such broker") == 5
    assert output.endswith("portal | worker ended 5 times in a row soon after its start; see above why.\n")
    assert not any(runs(one) for one in supervised.started())


def test_sigterm_stops_in_reverse_order_and_last_what_serves_the_others(supervised):
    names = ["broker", "web"]
    supervised.start(
        {"name": "broker", "code": NOTE_ITS_END.replace("NAME", "broker"), "serves_others": True},
        {"name": "web", "code": NOTE_ITS_END.replace("NAME", "web")},
    )
    assert eventually(lambda: all((supervised.folder / name).exists() for name in names))
    assert supervised.stop()[0] == 0
    assert (supervised.folder / "ended").read_text().split() == ["web", "broker"]


def test_a_program_deaf_to_sigterm_is_killed(supervised):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NOTE_AND_SLEEP
    supervised.start({"name": "worker", "code": deaf}, grace=0.3)
    assert eventually(supervised.started)
    assert supervised.stop()[0] == 0
    assert not runs(supervised.started()[0])


def test_g21_a_killed_supervisor_leaves_no_process(supervised):
    process = supervised.start({"name": "web", "code": NOTE_AND_SLEEP}, {"name": "worker", "code": WITH_A_DEAF_CHILD})
    assert eventually(lambda: len(supervised.started()) == 3)
    guard = supervised.guard()
    process.kill()
    assert eventually(lambda: not any(runs(one) for one in [guard, *supervised.started()]))


def test_a_killed_guard_is_replaced_and_its_successor_knows_the_programs(supervised):
    process = supervised.start({"name": "worker", "code": WITH_A_DEAF_CHILD})
    assert eventually(lambda: len(supervised.started()) == 2)
    first = supervised.guard()
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: supervised.guard() not in {0, first})
    process.kill()
    assert eventually(lambda: not any(runs(one) for one in supervised.started()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_g21_programs_stop_even_when_supervisor_and_guard_are_killed(supervised):
    process = supervised.start({"name": "worker", "code": NOTE_AND_SLEEP})
    assert eventually(supervised.started)
    guard = supervised.guard()
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(guard, signal.SIGKILL)
    process.kill()
    assert eventually(lambda: not runs(supervised.started()[0]))


def test_a_program_that_runs_once_is_not_restarted_and_its_success_is_noted(supervised):
    supervised.start({"name": "demo", "code": "print('made')", "once": True})
    assert eventually((supervised.folder / "success").exists)
    code, output = supervised.stop()
    assert code == 0
    assert output.splitlines() == ["portal | Ready.", "demo   | made"]


def test_a_program_that_runs_once_and_fails_is_reported_and_the_others_go_on(supervised):
    sorry = "No demo."
    process = supervised.start(
        {"name": "web", "code": NOTE_AND_SLEEP},
        {"name": "demo", "code": "import sys; sys.exit(3)", "once": True, "on_failure": sorry},
    )
    assert process.stdout
    assert any(line == "portal | No demo. (exit code 3)\n" for line in process.stdout)
    assert not (supervised.folder / "success").exists()
    assert eventually(lambda: any(runs(one) for one in supervised.started()))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain \xc3\xa9", "plain \u00e9"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"half\rline\r", "half\\rline"),
        (b"not \xff text", "not \\xff text"),
        ("turned \u202e round".encode(), "turned \\u202e round"),
    ],
)
def test_a_line_cannot_move_the_cursor_or_forge_another_line(line, shown):
    assert printable(line) == shown


def test_what_comes_by_the_hundred_waits_behind_mails_sweeps_and_folders():
    """In Redis 0 is the most urgent. A table of 400 windows orders thousands of readings, and beat's hints expire."""

    def urgency(task):
        return current_app.amqp.router.route({}, task).get("priority") or 0

    assert {urgency(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()} == {0}
    assert 0 < urgency(MATCH_TASK) == urgency(DRAW_READING_TASK) < urgency(READ_TASK)
