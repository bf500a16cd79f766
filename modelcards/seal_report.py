"""What was found about the seal of a card; seal_checks.py finds it."""

from __future__ import annotations

from dataclasses import dataclass

from modelcards.standing import Standing
from modelcards.trust import Fact


@dataclass(frozen=True)
class SealReport:
    """The facts about a seal; `sealed` is the part of the file that it covers, the only part to read.

    `further` are facts about signatures of others behind it, which make the seal neither better nor worse.
    """

    facts: tuple[Fact, ...]
    sealed: bytes = b""
    standing: Standing | None = None
    fingerprint: str = ""
    further: tuple[Fact, ...] = ()
