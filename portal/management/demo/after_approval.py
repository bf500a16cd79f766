"""Cards and the year after approval: the draft, the issued card as a file, clean months, a drift, a revalidation."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from django.utils import timezone

from approvals import revalidating
from approvals.models import Finding, Revalidation
from approvals.models.checks import RunStatus
from approvals.models.findings import FindingSource
from approvals.revalidation_rules import months_after
from modelcards import issuing
from modelcards.models import ModelCard
from monitoring import batches
from monitoring import running as readings
from monitoring.models import Batch, Reading, ReadingVerdict
from portal.management.demo.batches import DRIFTS_FROM, MONTHS, monthly_batches
from portal.management.demo.batches import Batch as Month
from portal.management.demo.cast import ADA, LEILANI, SAMIRA, user
from portal.management.demo.scenes import Scene
from portal.management.demo.steps import Step
from portal.management.demo.training import SEED, train_first, train_mitigated
from portal.management.demo.work import Queue, StoryError

WINDOWS = "Its dates are those of a month in the year before the demonstration was made."
QUARTERS = {
    "the first quarter": range(1, 4),
    "the second quarter": range(4, 7),
    "the third quarter": range(7, 10),
    "the fourth quarter": range(10, 13),
}
IN_BRIEF = {"the turn alone": range(DRIFTS_FROM - 1, DRIFTS_FROM + 1)}
"""The last month before the drift and its first one."""
SHADOW = "0.9.0"
SHADOW_SUMMARY = (
    "The artifact as it was before the mitigation. It runs in shadow beside version 1.0.0: it scores every application "
    "and decides none, so that it is seen month by month what the mitigation costs. It is not proposed for approval."
)
WHY_AGAIN = "Applications have drifted since month 8; we look again before the year is over."


def steps(scene: Scene) -> list[Step]:
    """What happens once the version is in monitoring."""
    return [
        Step("The portal issues and signs the model card", partial(issued_card, scene)),
        Step("Ada registers version 0.9.0, which runs in shadow and decides nothing", partial(_shadow, scene)),
        *(
            Step(f"Leilani delivers the months of {name}", partial(_months, scene, numbers))
            for name, numbers in (IN_BRIEF if scene.house.brief else QUARTERS).items()
        ),
        Step("Samira, risk officer, has the credit score revalidated", partial(_revalidated, scene)),
    ]


def _shadow(scene: Scene) -> None:
    """The artifact before the mitigation, as a version of its own, to see month by month what the mitigation costs."""
    first, text = train_first(), replace(scene.text, number=SHADOW, summary=SHADOW_SUMMARY)
    beside = replace(scene, text=text)
    beside.register_version(code_revision=first.code_revision)
    beside.attach("artifact", first.artifact, first.artifact_name)


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


def _months(scene: Scene, numbers: range) -> str:
    """Deliver months; nothing is found before the drift begins, and from its first month on it is."""
    months = monthly_batches(SEED, train_mitigated(), shadow=train_first())
    for number in numbers:
        _deliver(scene, number, months[number - 1])
    version = scene.version()
    scene.house.work.finish(Queue("readings of monitors", partial(_unread, version.pk), readings.execute))
    said = {number: _said(scene, months[number - 1].name) for number in numbers}
    for number, verdicts in said.items():
        drifts = number >= DRIFTS_FROM
        if (verdicts["feature_drift"] == ReadingVerdict.BREACH) is not drifts:
            raise StoryError(f"Month {number} should {'' if drifts else 'not '}have drifted, but it is {verdicts}.")
        if not drifts and set(verdicts.values()) != {ReadingVerdict.OK}:
            raise StoryError(f"Month {number} should be clean, but the monitors said: {verdicts}.")
    first = next((number for number in numbers if number >= DRIFTS_FROM), None)
    if first is None:
        return f"{sum(len(verdicts) for verdicts in said.values())} readings find nothing"
    found = Finding.objects.filter(version=version, source=FindingSource.MONITOR).order_by("pk").first()
    if found is None:
        raise StoryError(f"Month {first} has drifted, but no finding was opened.")
    words = "it goes on" if first > DRIFTS_FROM else f"from month {first} on Henrik, the owner, has a finding"
    return f"{words}: {found.title}"


def _deliver(scene: Scene, number: int, batch: Month) -> None:
    version, (start, end) = scene.version(), _window(number)
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


def _said(scene: Scene, name: str) -> dict[str, str]:
    """What each monitor says about a batch."""
    of_this = Reading.objects.filter(batch__version=scene.version(), batch__name=name)
    return dict(of_this.order_by("pk").values_list("monitor__key", "verdict"))


def _window(number: int) -> tuple[date, date]:
    """First and last day of a month; the twelfth is the last full one."""
    this = timezone.now().date().replace(day=1)
    start = months_after(this, number - 1 - MONTHS)
    return start, months_after(start, 1) - timedelta(days=1)


def _revalidated(scene: Scene) -> str:
    version = scene.version()
    if not Revalidation.objects.filter(version=version).exists():
        revalidating.ask(version_id=version.pk, actor=user(SAMIRA), reason=WHY_AGAIN)
    row = Revalidation.objects.get(version=version)
    return f"{len(row.stages)} gates are passed again by {row.due_on:%d %b %Y}, with the year's record as evidence"


def _unread(version_id: int) -> list[int]:
    waiting = Reading.objects.filter(monitor__version_id=version_id, status__in=(RunStatus.QUEUED, RunStatus.RUNNING))
    return list(waiting.order_by("pk").values_list("pk", flat=True))
