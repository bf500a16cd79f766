"""Which part of a file the seal of a card covers, and the first reason why it is not what was sealed.

The portal and the auditor's script ask here, so both name the same cause. Part of the auditor's script.
"""

import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography import x509

from modelcards.continuations import Addition, NotContinued, additions
from modelcards.detached import NotReadable, Signature, read_signature
from modelcards.increments import NO_UPDATE
from modelcards.trust import Fact

BYTE_RANGE = re.compile(rb"\n/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")
HEXADECIMAL = re.compile(rb"<[0-9A-Fa-f]+>")
LARGEST = 50_000_000
UNSIGNED = "The file carries no signatures; a card carries exactly one."
MOVED = "The signature does not cover the whole file: something before it was put in, taken out or written anew."
SEVERAL = "The file carries several signatures; a card carries exactly one."
CHANGED = "The signed bytes were changed after signing."
FOREIGN = "Something was put or changed beside the signature's own bytes."


@dataclass(frozen=True)
class SealedPart:
    """Where the hole for the signature begins and ends, where the sealed part does, and the signature.

    Nothing is said yet of whose it is. `additions` is what follows, of which nothing changes what the seal covers.
    """

    hole: tuple[int, int]
    end: int
    signature: Signature
    additions: tuple[Addition, ...] = ()


def sealed_part(pdf: bytes) -> SealedPart | Fact:
    """The part that one seal covers, unchanged since; or the first thing that does not hold."""
    if len(pdf) > LARGEST:
        return Fact("Signature", False, "The file is larger than any card.")
    ranges = signed_ranges(pdf)
    if not ranges:
        return Fact("Signature", False, UNSIGNED) if b"/ByteRange" not in pdf else Fact("Whole file", False, MOVED)
    before, after, rest = ranges[0]
    end = after + rest
    if end > len(pdf):
        return Fact("Whole file", False, f"{end - len(pdf)} bytes are missing at the end of the file.")
    if len(signed_ranges(pdf[:end])) != 1:
        return Fact("Signature", False, SEVERAL)
    try:
        added = additions(pdf, end)
    except NotContinued as problem:
        return Fact("Whole file", False, _added(len(pdf) - problem.good, str(problem)))
    return _sealed(pdf, (before, after), end, added)


def _added(count: int, cause: str) -> str:
    added = f"{count} bytes were added after the signature"
    told = cause[:1].lower() + cause[1:].rstrip(".")
    return f"{added} that are no further signature: {told}." if cause not in ("", NO_UPDATE) else f"{added}."


def _sealed(pdf: bytes, hole: tuple[int, int], end: int, added: tuple[Addition, ...]) -> SealedPart | Fact:
    before, after = hole
    try:
        signature = read_signature(_hole(pdf[before + 1 : after - 1]))
    except (ValueError, TypeError, LookupError, StopIteration, x509.InvalidVersion):
        return Fact("Container", False, FOREIGN)
    if hashlib.sha256(pdf[:before] + pdf[after:end]).digest() != signature.message_digest:
        return Fact("Signature", False, CHANGED)
    return SealedPart(hole, end, signature, added)


def signed_ranges(pdf: bytes) -> list[tuple[int, int, int]]:
    """Where signatures stand in a file: start and end of each hole, and what follows. Text that only looks so is none.

    A model may be called “/ByteRange [0 1 2 3]”, and its name stands in the file as it is: a hole is right before.
    """
    found = []
    for match in BYTE_RANGE.finditer(pdf):
        before, after, rest = (int(number) for number in match.groups())
        # Asked first for what costs little: many such texts behind one long hole would be read again and again.
        is_near = after == match.start() and pdf.rfind(b">", before, after - 1) < 0
        if is_near and HEXADECIMAL.fullmatch(pdf, before, after):
            found.append((before, after, rest))
    return found


def _hole(digits: bytes) -> bytes:
    """The bytes of the signature. Raises NotReadable if they are spelled otherwise than the portal does."""
    if digits != digits.upper():
        raise NotReadable("It is spelled in another way than the portal's.")
    return binascii.unhexlify(digits)
