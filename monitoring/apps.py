"""Start-up of the monitoring app: loads every monitor and declares what the database itself must refuse."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class MonitoringConfig(AppConfig):
    """Registers events, append-only tables and what happens when a version enters monitoring."""

    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        from approvals import ledger_words  # noqa: PLC0415  (apps must be loaded first)
        from approvals.signals import (  # noqa: PLC0415
            policy_examined,
            policy_tried,
            record_wanted,
            renewal_decided,
            renewal_examined,
            revalidation_opened,
            version_moved,
        )
        from monitoring import api, drawing, monitors, planning, records, references, succession, watching, words  # noqa: PLC0415
        from monitoring.events import Event  # noqa: PLC0415
        from monitoring.models import (  # noqa: PLC0415
            AlarmNote,
            Batch,
            Monitor,
            MonitorEnd,
            OutcomeDelivery,
            ReferenceChange,
        )
        from portal import access_tokens, guards, ledger  # noqa: PLC0415
        from portal.api import api as root  # noqa: PLC0415

        ledger.register_events(Event)
        ledger_words.WORDS.update(words.WORDS)
        guards.append_only(Monitor)
        guards.append_only(MonitorEnd)
        guards.append_only(Batch)
        guards.append_only(OutcomeDelivery)
        guards.append_only(AlarmNote)
        guards.append_only(ReferenceChange)
        register(watching.check_folders)
        monitors.load()
        root.add_router("", api.router)
        access_tokens.MODELS.append(api.models_of)
        version_moved.connect(planning.when_moved, dispatch_uid="monitoring.planning.when_moved")
        revalidation_opened.connect(records.when_revalidation_opened, dispatch_uid="monitoring.records.when_opened")
        record_wanted.connect(records.when_record_wanted, dispatch_uid="monitoring.records.when_wanted")
        renewal_examined.connect(records.when_renewal_examined, dispatch_uid="monitoring.records.when_renewal_examined")
        renewal_examined.connect(succession.when_renewal_examined, dispatch_uid="monitoring.succession.when_examined")
        policy_tried.connect(succession.when_tried, dispatch_uid="monitoring.succession.when_tried")
        renewal_decided.connect(references.when_renewed, dispatch_uid="monitoring.references.when_renewed")
        renewal_decided.connect(succession.when_renewed, dispatch_uid="monitoring.succession.when_renewed")
        version_moved.connect(drawing.when_moved, dispatch_uid="monitoring.drawing.when_moved")
        policy_examined.connect(planning.when_examined, dispatch_uid="monitoring.planning.when_examined")
