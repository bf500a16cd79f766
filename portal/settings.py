"""Every setting, from the environment or a safe default.

Reads only: it makes no file and no folder (portal.keys does) and never switches a protection off by default.
"""

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.keys import broker_socket, read_secret_key, var_folder
from portal.table_places import table_places
from portal.watched_places import watched_places


def flag(name: str) -> bool:
    """Say whether the environment switches `name` on; an unknown word is an error, never a guess."""
    word = os.environ.get(name, "").strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"", "0", "false", "no", "off"}:
        return False
    message = f"{name} is {word!r}; write yes or no."
    raise ImproperlyConfigured(message)


def words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated words of the environment variable `name`."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def database(url: str, default_file: Path) -> dict[str, Any]:
    """Return the database settings for a URL, or for the embedded SQLite file when there is none."""
    found: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{default_file}", conn_max_age=60))
    if found["ENGINE"] == "django.db.backends.postgresql":
        found["CONN_HEALTH_CHECKS"] = True
        return found
    if found["ENGINE"] != "django.db.backends.sqlite3":
        message = "DATABASE_URL must name a PostgreSQL or an SQLite database; other engines lack the guards we rely on."
        raise ImproperlyConfigured(message)
    found["ENGINE"] = "portal.sqlite"
    if not url:
        found["NAME"] = str(default_file)
    found["TEST"] = {"NAME": str(default_file.with_name("test.sqlite3"))}
    found["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON",
    }
    return found


BASE_DIR = Path(__file__).resolve().parent.parent
VAR = var_folder()
SECRET_KEY = os.environ.get("SECRET_KEY") or read_secret_key(VAR)
DEBUG = flag("DEBUG")
BEHIND_TLS = flag("PORTAL_BEHIND_TLS")

ALLOWED_HOSTS = words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
# Where tables lie that are measured without being uploaded, by name; see portal/table_places.py for who may use them.
TABLE_CONNECTIONS = table_places(
    os.environ.get("PORTAL_TABLE_CONNECTIONS", ""), variable="PORTAL_TABLE_CONNECTIONS", target="url"
)
TABLE_FOLDERS = table_places(os.environ.get("PORTAL_TABLE_FOLDERS", ""), variable="PORTAL_TABLE_FOLDERS", target="path")
WATCHED_FOLDERS = watched_places(os.environ.get("PORTAL_WATCHED_FOLDERS", ""))
PORTAL_URL = os.environ.get("PORTAL_URL", "http://localhost:8000").rstrip("/")

INSTALLED_APPS = [
    # Before our own admin, which takes their stock pages away again.
    "django_otp",
    "django_otp.plugins.otp_totp",
    "portal.apps.PortalConfig",
    "portal.apps.PortalAdminConfig",
    "approvals",
    "modelcards",
    "monitoring",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "guardian",
    "csp",
]
MIDDLEWARE = [
    "portal.problems.ProblemDocuments",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DEFAULT_DATABASE_FILE = VAR / "portal.sqlite3"
DATABASE_IS_EMBEDDED = not os.environ.get("DATABASE_URL")
DATABASES = {"default": database(os.environ.get("DATABASE_URL", ""), DEFAULT_DATABASE_FILE)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Who may come in. Separation of duties never rests on these backends: a superuser passes all of them.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "portal.lockout.respond"
AXES_ENABLE_ADMIN = False  # a lock is lifted on the page of the people, and recorded
OTP_TOTP_ISSUER = "Model approval"
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.pages.form_is_stale"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Forms stay in memory and are small; files go to a private folder and never through memory.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = VAR / "incoming"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

# The origin is in every checkpoint: one name per installation, never changed. Witnesses get each night's checkpoint.
LEDGER_ORIGIN = os.environ.get("LEDGER_ORIGIN", "model-approval-portal")
# Printed on cards as the issuer, and named in the certificate of the seal when it is made.
# Days on which nobody works, besides weekends: time limits of stages do not count them.
HOLIDAYS = [date.fromisoformat(day) for day in words("HOLIDAYS")]
ORGANISATION = os.environ.get("ORGANISATION", "Model Approval Portal")
LEDGER_WITNESSES = words("LEDGER_WITNESSES")
# The key that seals cards: in PKCS#12 under this passphrase (else one kept beside it), or in a PKCS#11 token.
CARD_KEY_PASSPHRASE = os.environ.get("CARD_KEY_PASSPHRASE", "")
CARD_TOKEN = {name: os.environ.get(f"CARD_TOKEN_{name}", "") for name in ("MODULE", "LABEL", "PIN")}
# An RFC 3161 authority for cards: CA and CRLS are files. Without a timestamp no card, unless ABSENT says "issue".
TIMESTAMPS = {
    name: os.environ.get(f"TIMESTAMP_{name}", default)
    for name, default in (
        ("URL", ""), ("USER", ""), ("PASSWORD", ""), ("CA", ""), ("CRLS", ""),
        ("LEVEL", "B-LTA"), ("SECONDS", "10"), ("ABSENT", "refuse"), ("RENEW_DAYS", "180"),
    )
}  # fmt: skip

UPLOAD_LIMIT_BYTES = int(os.environ.get("UPLOAD_LIMIT_MB", "64")) * 1_000_000
# Seconds of one attempt. A check that needs more goes on in the next one, if it could keep something of this one.
CHECK_SECONDS = int(os.environ.get("CHECK_SECONDS", "280"))
# What took longer is kept, so that an attempt that was ended is gone on with.
KEEP_AFTER_SECONDS = 0.25
CHECK_LIMITS = {
    "memory_mb": int(os.environ.get("CHECK_MEMORY_MB", "2048")),
    "wall_seconds": CHECK_SECONDS,
    "cpu_seconds": CHECK_SECONDS,
}

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["portal.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

# Without a mail server, mail is kept in var/mail where the administrator can read it.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR / "mail"
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS")
EMAIL_USE_SSL = flag("EMAIL_USE_SSL")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("EMAIL_FROM", "portal@localhost")
# Who is told of what nobody else can mend, or where nobody else is left to be told.
ADMINISTRATORS = [one.strip() for one in os.environ.get("PORTAL_ADMINISTRATORS", "").split(",") if one.strip()]

# The broker carries hints only: rows are the truth, leases and sweepers recover. docs: portal/processes.py starts it.
CELERY_BROKER_URL = os.environ.get("BROKER_URL") or f"redis+socket://{broker_socket(VAR)}"
CELERY_TASK_DEFAULT_QUEUE = "portal"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = CHECK_SECONDS + 20
CELERY_TASK_TIME_LIMIT = CHECK_SECONDS + 50
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 800_000
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "health_check_interval": 10,
}
# What comes by the hundred waits behind everything else: mails, sweeps and folders have no turn of their own otherwise.
# In Redis 0, which the rest has, is the most urgent.
CELERY_TASK_ROUTES = {
    "monitoring.tasks.read": {"priority": 9},
    "monitoring.tasks.draw_reading": {"priority": 6},
    "monitoring.tasks.match": {"priority": 6},
}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "run" / "beat-schedule")
# "expires": a worker that was away finds one hint of each kind, not an hour of them.
CELERY_BEAT_SCHEDULE = {
    "checks": {"task": "approvals.tasks.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "cards": {"task": "modelcards.tasks.sweep", "schedule": 10.0, "options": {"expires": 10.0}},
    "monitors": {"task": "monitoring.tasks.sweep", "schedule": 10.0, "options": {"expires": 10.0}},
    "pictures": {"task": "monitoring.tasks.sweep_pictures", "schedule": 20.0, "options": {"expires": 20.0}},
    "mail": {"task": "portal.tasks.send_outgoing", "schedule": 10.0, "options": {"expires": 10.0}},
    "time-limits": {"task": "approvals.tasks.look_at_time_limits", "schedule": timedelta(minutes=15)},
    "revalidations": {"task": "approvals.tasks.look_at_revalidations", "schedule": timedelta(minutes=15)},
    "kept-results": {"task": "approvals.tasks.forget_kept_results", "schedule": timedelta(hours=1)},
    "tries": {"task": "monitoring.tasks.try_again", "schedule": 300.0, "options": {"expires": 300.0}},
    "staleness": {"task": "monitoring.tasks.check_staleness", "schedule": timedelta(hours=1)},
    "alarms": {"task": "monitoring.tasks.look_at_alarms", "schedule": timedelta(minutes=15)},
    "watched-folders": {
        "task": "monitoring.tasks.look_into_folders",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "sources": {"task": "monitoring.tasks.take_from_sources", "schedule": 300.0, "options": {"expires": 300.0}},
    "outcome-sources": {"task": "monitoring.tasks.take_outcomes", "schedule": 300.0, "options": {"expires": 300.0}},
    "decisions": {"task": "portal.tasks.sign_decisions", "schedule": 60.0, "options": {"expires": 60.0}},
    "seal": {"task": "modelcards.tasks.look_after_seal", "schedule": crontab(hour=0, minute=45)},
    "timestamps": {"task": "modelcards.tasks.renew_timestamps", "schedule": crontab(hour=1, minute=15)},
    "checkpoint": {"task": "portal.tasks.nightly_checkpoint", "schedule": crontab(hour=0, minute=30)},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"pikepdf": {"level": "WARNING"}},
}
