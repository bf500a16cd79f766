"""A PostgreSQL server that is killed while sixteen people sign: what was acknowledged is there when it comes back."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgresql

ROOT = Path(__file__).parents[1]
SIGNED = """
import sys, threading
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from approvals.stages import Role
from portal.keys import ensure_keys
from tests.cast import make_cast

ensure_keys(settings.VAR)
call_command("migrate", verbosity=0)
cast = make_cast()
cast.publish({"scoping": [{"signoffs": {"role": "business_analyst"}}]})
model = cast.model()
versions = [cast.version(model, number=f"1.{number}") for number in range(320)]

def work(place):
    for version in versions[place::16]:
        row = cast.sign(version, Role.BUSINESS_ANALYST)
        sys.stdout.write(f"{row.pk}\\n")
        sys.stdout.flush()

for place in range(16):
    threading.Thread(target=work, args=(place,)).start()
"""
FOUND = """
import json, sys
import django
django.setup()
from approvals.models import SignOff
from portal.auditing import verify
before, signed = verify(), sorted(SignOff.objects.values_list("pk", flat=True))
print(json.dumps({"ok": before.ok, "sentences": before.sentences, "signed": signed}))
"""


@pytest.fixture
def server():
    """A folder for a PostgreSQL of this test's own, which ends with it."""
    folder = postgresql.private_folder()
    with (folder / "log").open("wb") as log:
        yield folder, log.fileno()
    kill_server(folder)
    shutil.rmtree(folder, ignore_errors=True)


def kill_server(folder):
    """Kill the server's main process and its children, if they are there."""
    for process in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def processes_of(folder):
    try:
        main = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text()
    except (OSError, ValueError, IndexError):
        return []
    return [main, *map(int, children.split())]


def run(script, folder, var, **settings):
    environment = {
        **os.environ,
        "DATABASE_URL": postgresql.address(folder),
        "PORTAL_VAR": str(var),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        **settings,
    )


def test_g23_a_database_server_that_is_killed_under_sixteen_signers_loses_nothing_acknowledged(server, tmp_path):
    folder, log = server
    installed = postgresql.installation(folder)
    killed = postgresql.started(installed, folder, log)
    signers = run(SIGNED, folder, tmp_path)
    acknowledged = [int(signers.stdout.readline()) for _ in range(60)]
    kill_server(folder)
    killed.wait()
    rest = signers.stdout.read().split(b"\n")
    acknowledged += [int(line) for line in rest[:-1]]
    signers.wait()
    signers.stdout.close()
    assert len(acknowledged) < 320
    restarted = postgresql.started(installed, folder, log)
    answer = run(FOUND, folder, tmp_path)
    found = json.loads(answer.communicate()[0])
    postgresql.stop(restarted)
    assert found["ok"], found["sentences"]
    assert set(acknowledged) <= set(found["signed"])
    assert len(found["signed"]) <= len(acknowledged) + 16
