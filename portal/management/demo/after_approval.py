"""Cards and the months after approval: the draft, the issued card as a file, a clean batch and a shifted one."""

from __future__ import annotations

import io
import shutil
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from django.utils import timezone

from approvals.models import Finding
from approvals.models.checks import RunStatus
from approvals.models.findings import FindingSource
from modelcards import issuing
from modelcards.models import ModelCard
from monitoring import batches
from monitoring import running as readings
from monitoring.models import Batch, Reading, ReadingVerdict
from portal.management.demo.batches import monthly_batches
from portal.management.demo.cast import ADA, LEILANI, user
from portal.management.demo.scenes import Scene
from portal.management.demo.steps import Step
from portal.management.demo.training import SEED, train_mitigated
from portal.management.demo.work import Queue, StoryError

WINDOWS = "Its dates are those of the last two full months before the demonstration was made."


def steps(scene: Scene) -> list[Step]:
    """What happens once the version is in monitoring."""
    return [
        Step("The portal issues and signs the model card", partial(issued_card, scene)),
        Step("Leilani delivers the first month", partial(_first_month, scene)),
        Step("Leilani delivers the second month, which has shifted", partial(_second_month, scene)),
    ]


def draft_card(scene: Scene) -> None:
    """The submitter asks for a draft of the card, which becomes evidence of the regulatory review."""
    version = scene.version()
    if not ModelCard.objects.filter(version=version, kind="draft").exists():
        issuing.request_draft(version_id=version.pk, actor=user(ADA))
    _finish_cards(scene)


def issued_card(scene: Scene) -> str:
    """The issued card, made now if it waits, copied beside the logins."""
    _finish_cards(scene)
    issued = ModelCard.objects.filter(version=scene.version(), kind="issued")
    copies = [copied(card, scene.house.var / "demo") for card in issued]
    if not copies:
        raise StoryError(f"No card was issued for {scene.version()}.")
    return ", ".join(str(path) for path in copies)


def copied(card: ModelCard, folder: Path) -> Path:
    """A copy of an issued card under its number, for whoever wants to look at it."""
    if card.pdf is None:
        raise StoryError(f"The card {card.number} has no file.")
    target = folder / f"{card.number}.pdf"
    shutil.copyfile(card.pdf.path, target)
    target.chmod(0o600)
    return target


def _finish_cards(scene: Scene) -> None:
    version = scene.version()
    scene.house.work.finish(Queue("model cards", partial(_waiting, version.pk), issuing.execute))
    crashed = ModelCard.objects.filter(version=version, status="crashed").first()
    if crashed is not None:
        raise StoryError(f"A model card could not be made: {crashed}")


def _waiting(version_id: int) -> list[int]:
    rows = ModelCard.objects.filter(version_id=version_id, status__in=("queued", "running"))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _first_month(scene: Scene) -> str:
    said = _receive(scene, 0)
    if set(said) != {ReadingVerdict.OK}:
        raise StoryError(f"The first month should be clean, but the monitors said: {', '.join(said)}.")
    return f"{len(said)} monitors find nothing"


def _second_month(scene: Scene) -> str:
    said = _receive(scene, 1)
    found = Finding.objects.filter(version=scene.version(), source=FindingSource.MONITOR).order_by("pk").first()
    if ReadingVerdict.BREACH not in said or found is None:
        raise StoryError(f"The second month should have drifted, but the monitors said: {', '.join(said)}.")
    return f"a finding is opened and Henrik, the owner, is told: {found.title}"


def _receive(scene: Scene, month: int) -> list[str]:
    """Deliver a month, unless it was delivered, and give what each monitor says about it."""
    version, batch = scene.version(), monthly_batches(SEED, train_mitigated())[month]
    start, end = _window(month)
    if not Batch.objects.filter(version=version, name=batch.name).exists():
        batches.receive(
            version_id=version.pk,
            actor=user(LEILANI),
            stream=io.BytesIO(batch.table),
            name=batch.name,
            window_start=start,
            window_end=end,
            description=f"{batch.description} {WINDOWS}",
        )
    scene.house.work.finish(Queue("readings of monitors", partial(_unread, version.pk), readings.execute))
    of_this = Reading.objects.filter(batch__version=version, batch__name=batch.name)
    return list(of_this.order_by("pk").values_list("verdict", flat=True))


def _window(month: int) -> tuple[date, date]:
    """First and last day of the last calendar month but one, or of the last."""
    end = timezone.now().date().replace(day=1) - timedelta(days=1)
    if month == 0:
        end = end.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


def _unread(version_id: int) -> list[int]:
    waiting = Reading.objects.filter(monitor__version_id=version_id, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
    return list(waiting.order_by("pk").values_list("pk", flat=True))
