"""Tells workers, after commit, that a row waits. A lost hint costs seconds: sweepers look at the rows anyway."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def send(task: str, *args: Any, expires: float | None = None) -> bool:
    """Send a hint now; gives whether the broker took it. Never raises because the broker is away.

    After `expires` seconds workers pass over it: what is hinted at again and again needs no old ones.
    """
    try:
        current_app.send_task(task, args=args, expires=expires)
    except OperationalError as failure:
        logger.warning("The broker does not answer, so the sweeper will find the work of %s: %s", task, failure)
        return False
    return True


def send_after_commit(task: str, *args: Any) -> None:
    """Send a hint once the caller's transaction is committed."""

    def hint() -> None:
        send(task, *args)

    transaction.on_commit(hint, robust=True)
