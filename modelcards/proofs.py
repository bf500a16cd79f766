"""What timestamps over a whole card prove, each judged at the time of the next one: facts in sentences.

An old timestamp counts although its certificate ended, if a newer one was made before that end and the file held under
the newer one that the certificate was not revoked. Part of the auditor's script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modelcards.continuations import STAMP, Addition
from modelcards.detached import NotReadable
from modelcards.revisions import STAMP_FIELDS
from modelcards.revocation import is_unrevoked
from modelcards.timestamps import Stamp, distrust, read_stamp
from modelcards.trust import Fact, Trust


@dataclass(frozen=True)
class WholeStamp:
    """A timestamp of the portal over the whole file up to itself, and what the file holds under it (CRL, OCSP; DER)."""

    name: str
    token: bytes
    signed: bytes
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()


def whole_stamps(pdf: bytes, additions: Sequence[Addition]) -> tuple[WholeStamp, ...]:
    """The timestamps of the portal behind the seal, in their order."""
    found = [one for one in additions if one.kind == STAMP and one.name in STAMP_FIELDS]
    return tuple(
        WholeStamp(
            name="Timestamp of the whole" if place == 0 else f"Renewed timestamp {place}",
            token=without_filling(one.content),
            signed=pdf[: one.hole[0]] + pdf[one.hole[1] : one.end],
            lists=one.lists,
            answers=one.answers,
        )
        for place, one in enumerate(found)
    )


def judged_in_turn(
    stamps: Sequence[WholeStamp], trust: Trust, moment: datetime
) -> tuple[list[Stamp | None], list[Fact]]:
    """Each timestamp, oldest first: the stamp where it is trusted, and the fact about it."""
    found: list[tuple[Stamp | None, Fact]] = []
    newer: tuple[Stamp, WholeStamp] | None = None
    for one in reversed(stamps):
        stamp, fact = judged(one.name, one.token, one.signed, "the whole file existed", trust, moment)
        if newer is not None and fact.holds is not False:
            stamp, fact = _under(one, newer, stamp, fact, trust)
        newer = newer if stamp is None else (stamp, one)
        found.insert(0, (stamp, fact))
    return [stamp for stamp, _ in found], [fact for _, fact in found]


def _under(
    one: WholeStamp, newer: tuple[Stamp, WholeStamp], stamp: Stamp | None, fact: Fact, trust: Trust
) -> tuple[Stamp | None, Fact]:
    """The same under a newer timestamp that is trusted: revoked by what it covers, or saved by it."""
    then, cover = newer[0].moment, newer[1]
    earlier, said = judged(one.name, one.token, one.signed, "the whole file existed", trust, then)
    if earlier is None:
        return stamp, fact
    states = [
        is_unrevoked(
            certificate, [*earlier.chain[1:], *(trust.timestamp_roots or ())], cover.lists, cover.answers, then
        )
        for certificate in earlier.chain
    ]
    if False in states:
        return None, Fact(one.name, False, f"{_cut(said)}, but the file holds that its certificate was revoked.")
    if stamp is not None:
        return stamp, fact
    ended = earlier.chain[0].not_valid_after_utc
    if None in states:
        words = f"its certificate ended on {ended:%Y-%m-%d}, and nothing in the file says that it was not revoked"
        return None, Fact(one.name, None, f"{_cut(said)}; {words}, so it proves nothing now.")
    words = f"its certificate ended on {ended:%Y-%m-%d}, and the timestamp of {then:%Y-%m-%d} was made before"
    return earlier, Fact(one.name, True, f"{_cut(said)}; {words}.")


def _cut(fact: Fact) -> str:
    return fact.sentence.partition(", and the authority")[0]


def without_filling(raw: bytes) -> bytes:
    """The DER element at the beginning, if nothing but zeros follows; else nothing."""
    if len(raw) < 4 or raw[0] != 0x30 or raw[1] != 0x82:
        return b""
    size = 4 + int.from_bytes(raw[2:4], "big")
    return b"" if raw[size:].strip(b"\0") else raw[:size]


def judged(
    name: str, token: bytes, data: bytes, proves: str, trust: Trust, moment: datetime
) -> tuple[Stamp | None, Fact]:
    """What a timestamp over these bytes is worth at a moment: the stamp if it is trusted then, and the fact."""
    try:
        stamp = read_stamp(token)
    except NotReadable as problem:
        return None, Fact(name, False, str(problem) or "The timestamp cannot be read.")
    if not stamp.is_of(data):
        return None, Fact(name, False, "The timestamp belongs to something else, or this was changed after it.")
    says = f"{stamp.by} says that {proves} on {stamp.moment:%Y-%m-%d %H:%M} UTC"
    if trust.timestamp_roots is None:
        return None, Fact(name, None, f"{says}; no certificate of a timestamp authority was given to check that.")
    if reason := distrust(stamp, trust.timestamp_roots):
        return None, Fact(name, False, f"{says}, but {reason}.")
    ended = stamp.chain[0].not_valid_after_utc
    if moment > ended:
        return None, Fact(name, None, f"{says}; its certificate ended on {ended:%Y-%m-%d}, so it proves nothing now.")
    return stamp, Fact(name, True, f"{says}, and the authority that you trust vouches for it.")
