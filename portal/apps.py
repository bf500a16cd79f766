"""Start-up of the ground floor: which tables are guarded, when guards are installed, the check that asserts them."""

from collections.abc import Sequence
from typing import Any, TextIO

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.core import checks
from django.db import DatabaseError
from django.db.models.signals import post_migrate

from portal import guards
from portal.celery import app as celery_app

__all__ = ["PortalAdminConfig", "PortalConfig", "celery_app"]  # tasks of a process belong to the application made last


class PortalConfig(AppConfig):
    """Declares the guards and events of the ground floor."""

    default = True
    name = "portal"
    verbose_name = "Portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal import ledger, models, tasks  # noqa: PLC0415  (models need loaded apps)

        ledger.register_events(tasks.PortalEvent)
        guards.append_only(models.LedgerEntry)
        guards.append_only(models.Checkpoint)
        guards.undeletable(models.LedgerHead)
        guards.grows_by_one(models.LedgerHead, "size")
        post_migrate.connect(ledger.begin, sender=self, dispatch_uid="portal.ledger.begin")
        post_migrate.connect(install_guards, dispatch_uid="portal.install_guards")
        checks.register(check_guards, checks.Tags.database)


class PortalAdminConfig(admin_apps.AdminConfig):
    """Django's admin with our site in it."""

    default = False
    default_site = "portal.admin_site.PortalAdminSite"


def install_guards(sender: AppConfig, using: str, verbosity: int = 1, stdout: TextIO | None = None, **_: Any) -> None:
    """Put the guards of the app that was just migrated in place, all of them, every time."""
    for name in guards.install(using=using, app_label=sender.label):
        if verbosity > 0 and stdout is not None:
            stdout.write(f"  Guard put in place: {name}\n")


def check_guards(*, databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Say which triggers are missing; runs with `check --database default` and after migrating."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        try:
            found += [checks.Error(sentence, id="portal.E010") for sentence in guards.problems(using=alias)]
        except DatabaseError as failure:
            sentence = f"The database {alias} does not answer, so its guards are unknown: {failure}"
            found.append(checks.Error(sentence, id="portal.E011"))
    return found
