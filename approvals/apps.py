"""Start-up of the approvals app: loads every extension folder and declares what the database itself must refuse."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class ApprovalsConfig(AppConfig):
    """Registers events, append-only tables and the legal moves of a stage."""

    name = "approvals"
    verbose_name = "Model approval"

    def ready(self) -> None:
        from approvals import bound, checks, referring, replaying, requirements  # noqa: PLC0415  (apps must be loaded first)
        from approvals.events import FINAL_DECISIONS, Event  # noqa: PLC0415
        from portal import auditing, checkpoints, ledger  # noqa: PLC0415

        ledger.register_events(Event)
        checkpoints.sign_after(FINAL_DECISIONS)
        bound.declare()
        auditing.compare_with(replaying.differences)
        register(referring.check_folders)
        checks.load()
        requirements.load()
