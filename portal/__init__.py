"""The ground floor: settings, ledger, notices, admin site and processes. Imports no other app of the portal."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
