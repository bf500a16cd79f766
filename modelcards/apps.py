"""Start-up of the cards app: events, guards, exporters, and the card that follows from an approval."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks


class ModelcardsConfig(AppConfig):
    """Registers what cards write and what they listen to."""

    name = "modelcards"
    verbose_name = "Model cards"

    def ready(self) -> None:
        from approvals import ledger_words  # noqa: PLC0415  (apps must be loaded first)
        from approvals.signals import approval_renewed, version_moved  # noqa: PLC0415
        from modelcards import exporters, issuing, seals, words  # noqa: PLC0415
        from modelcards.events import Event  # noqa: PLC0415
        from modelcards.models import CardRenewal, ModelCard  # noqa: PLC0415
        from portal import guards, ledger  # noqa: PLC0415

        ledger.register_events(Event)
        ledger_words.WORDS.update(words.WORDS)
        guards.undeletable(ModelCard)
        guards.undeletable(CardRenewal)
        kept = "A renewed model card is never changed: the next renewal is another one."
        guards.add(guards.Guard(CardRenewal, guards.Act.UPDATE, "kept", kept))
        finished = "A finished model card is never changed: a correction is a new card."
        guards.add(guards.Guard(ModelCard, guards.Act.UPDATE, "finished", finished, "OLD.\"status\" = 'finished'"))
        exporters.load()
        checks.register(seals.check_settings)
        approval_renewed.connect(issuing.when_renewed, dispatch_uid="modelcards.issuing.when_renewed")
        version_moved.connect(issuing.when_moved, dispatch_uid="modelcards.issuing.when_moved")
