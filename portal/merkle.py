"""The tree behind the ledger (RFC 6962), signed notes (C2SP) and the verification of a proof bundle.

Only the standard library and no other file of the portal: an auditor copies this one file and runs `python merkle.py
FILE VKEY` on a proof (JSON) or an extract (JSON lines). It verifies signatures and never makes one.
"""

import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

HASH_BYTES = 32
KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_BYTES = 4
EMPTY_ROOT = hashlib.sha256(b"").digest()
BUNDLE_FORMAT = "ledger-proof@v1"
EXTRACT_FORMAT = "ledger-extract@v1"
BUNDLE_KEYS = {"format", "vkey", "checkpoint", "entries"}
ENTRY_KEYS = {"seq", "payload", "proof"}
ED25519_NOTE_TYPE = b"\x01"


def leaf_hash(payload: bytes) -> bytes:
    """The hash of an entry, marked so that no inner hash can pass for one."""
    return hashlib.sha256(b"\x00" + payload).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def push(peaks: Sequence[bytes], size: int, leaf: bytes) -> list[bytes]:
    """From the peaks of a tree of `size` leaves to the peaks of the tree with one more."""
    grown = [*peaks, leaf]
    while size & 1:
        right = grown.pop()
        grown[-1] = node_hash(grown[-1], right)
        size >>= 1
    return grown


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree that has these peaks."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class Tree:
    """All leaves of a tree in memory, about 150 bytes each, to make proofs from."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels: list[list[bytes]] = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves."""
        size = self.size if size is None else size
        self._refuse_unless(0 <= size <= self.size)
        return self._hash(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that lead from leaf `index` to the root of the first `size` leaves, nearest first."""
        size = self.size if size is None else size
        self._refuse_unless(0 <= index < size <= self.size)
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._hash(middle, high))
                high = middle
            else:
                path.append(self._hash(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency(self, old_size: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that show that the first `old_size` leaves are the beginning of the first `size` leaves."""
        size = self.size if size is None else size
        self._refuse_unless(0 <= old_size <= size <= self.size)
        if old_size in {0, size}:
            return ()
        path: list[bytes] = []
        low, high = 0, size
        while high != old_size:
            middle = low + _split(high - low)
            if old_size <= middle:
                path.append(self._hash(middle, high))
                high = middle
            else:
                path.append(self._hash(low, middle))
                low = middle
        if low > 0:
            path.append(self._hash(low, high))
        return tuple(reversed(path))

    def _hash(self, low: int, high: int) -> bytes:
        width = high - low
        level = width.bit_length() - 1
        if width == 1 << level and low % width == 0:
            return self._levels[level][low >> level]
        middle = low + _split(width)
        return node_hash(self._hash(low, middle), self._hash(middle, high))

    def _refuse_unless(self, inside: bool) -> None:  # noqa: FBT001
        if not inside:
            message = f"That is outside a ledger of {self.size} entries."
            raise IndexError(message)


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` stands at `index` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(item) != HASH_BYTES for item in (leaf, root, *proof)):
        return False
    place, last, found = index, size - 1, leaf
    for item in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(item, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, item)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(*, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree with `old_root` is the beginning of the tree with `root` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= size or any(len(item) != HASH_BYTES for item in (old_root, root, *proof)):
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT and (size > 0 or root == EMPTY_ROOT)
    if old_size == size:
        return not proof and old_root == root
    return bool(proof) and _is_beginning(old_size, old_root, size, root, proof)


def _is_beginning(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else proof
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = found = path[0]
    for item in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found, found = node_hash(item, old_found), node_hash(item, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, item)
        place, last = place >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


class Untrusted(ValueError):
    """A note or key that proves nothing; the text says why."""


class UnknownKey(Untrusted):
    """The note carries no signature by the key asked for."""


@dataclass(frozen=True)
class Note:
    """What a signed checkpoint states."""

    origin: str
    size: int
    root: bytes


def make_vkey(name: str, public_key: bytes) -> str:
    """A note verification key as C2SP writes it: name+hash+key."""
    if not re.fullmatch(r"[^\s+]+", name):
        message = f"A key name has no spaces and no plus sign: {name!r}."
        raise Untrusted(message)
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(ED25519_NOTE_TYPE + public_key).decode()}"


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519_NOTE_TYPE + public_key).digest()[:KEY_ID_BYTES]


def parse_vkey(vkey: str) -> tuple[str, bytes]:
    """The name and public key in a vkey; refuses one whose hash does not fit its key."""
    name, _, rest = vkey.partition("+")
    typed_key = _base64_or_none(rest.partition("+")[2])
    if typed_key is None or len(typed_key) != 1 + KEY_BYTES or make_vkey(name, typed_key[1:]) != vkey:
        message = f"This is not an Ed25519 note verification key: {vkey!r}."
        raise Untrusted(message)
    return name, typed_key[1:]


def note_body(origin: str, size: int, root: bytes) -> str:
    """The text that a checkpoint's signature covers."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def signed_note(body: str, name: str, public_key: bytes, signature: bytes) -> str:
    """Put a signature under a body, as a C2SP signed note."""
    return f"{body}\n\u2014 {name} {base64.b64encode(key_id(name, public_key) + signature).decode()}\n"


def parse_note(text: str) -> tuple[Note, str, list[tuple[str, bytes]]]:
    """What a note states, the exact text its signatures cover, and those signatures; proves nothing yet."""
    body, _, tail = text.rpartition("\n\n")
    covered = body + "\n"
    match = re.fullmatch(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", covered)
    root = _base64_or_none(match[3]) if match else None
    if match is None or root is None:
        message = "The checkpoint is not made of an origin, a size and a root."
        raise Untrusted(message)
    lines = [re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line) for line in tail.removesuffix("\n").split("\n")]
    signatures = [(line[1], _base64_or_none(line[2])) for line in lines if line]
    good = [
        (name, signature) for name, signature in signatures if signature is not None and len(signature) > KEY_ID_BYTES
    ]
    if not tail.endswith("\n") or len(good) != len(lines):
        message = "The checkpoint has a signature line that cannot be read."
        raise Untrusted(message)
    return Note(origin=match[1], size=int(match[2]), root=root), covered, good


def verify_note(text: str, vkey: str, check: Callable[[bytes, bytes, bytes], bool] | None = None) -> Note:
    """What the note states, if the owner of `vkey` signed it; otherwise Untrusted or UnknownKey."""
    name, public_key = parse_vkey(vkey)
    note, covered, signatures = parse_note(text)
    ours = [signature[4:] for who, signature in signatures if (who, signature[:4]) == (name, key_id(name, public_key))]
    if not ours:
        message = f"The checkpoint of {note.size} entries is not signed by the key {vkey.rpartition('+')[0]}."
        raise UnknownKey(message)
    check = check or verify_ed25519
    if note.origin != name or not all(check(public_key, signature, covered.encode()) for signature in ours):
        message = f"The signature under the checkpoint of {note.size} entries does not fit its text."
        raise Untrusted(message)
    return note


def verify_bundle(bundle: Any, vkey: str) -> list[str]:
    """Problems with a proof bundle, none if every entry in it stands in the ledger that `vkey` signed.

    `vkey` must come from somewhere else than the bundle: a key that comes with the proof proves nothing.
    """
    if not isinstance(bundle, dict) or set(bundle) != BUNDLE_KEYS or bundle["format"] != BUNDLE_FORMAT:
        return ["This is not a ledger proof of a known format."]
    if bundle["vkey"] != vkey:
        return ["The proof names another key than the one you trust."]
    try:
        note = verify_note(bundle["checkpoint"], vkey)
    except Untrusted as problem:
        return [str(problem)]
    except (TypeError, AttributeError, ValueError):
        return ["The checkpoint in the proof is not text."]
    if not isinstance(bundle["entries"], list) or not bundle["entries"]:
        return ["The proof holds no entries."]
    return list(filter(None, (_entry_problem(entry, note) for entry in bundle["entries"])))


def _entry_problem(entry: Any, note: Note) -> str:
    if not isinstance(entry, dict) or set(entry) != ENTRY_KEYS:
        return "The proof holds something that is not a ledger entry."
    seq, payload = entry["seq"], entry["payload"]
    try:
        proof = [bytes.fromhex(item) for item in entry["proof"]]
        written = json.loads(payload)["seq"]
        leaf = leaf_hash(payload.encode())
    except (TypeError, ValueError, KeyError, RecursionError):
        return f"The entry {seq!r} in the proof cannot be read."
    if type(seq) is not int or type(written) is not int or written != seq:
        return f"The entry shown as number {seq!r} says of itself that it is number {written!r}."
    if [item.hex() for item in proof] != entry["proof"]:
        return f"The proof of entry {seq} is not written as it should be."
    if not verify_inclusion(leaf=leaf, index=seq, size=note.size, proof=proof, root=note.root):
        return f"Entry {seq} does not stand in the ledger that was signed at {note.size} entries."
    return ""


def _base64_or_none(text: str) -> bytes | None:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None


# Ed25519 verification (RFC 8032) on public data only, so its running time gives nothing away.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _add(a: _Point, b: _Point) -> _Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % _P, k * m % _P, j * k % _P, i * m % _P


def _times(factor: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(text: bytes) -> _Point | None:
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def verify_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the owner of `public_key` signed `message`."""
    point = _decode(public_key) if len(public_key) == KEY_BYTES and len(signature) == SIGNATURE_BYTES else None
    scalar = int.from_bytes(signature[32:], "little")
    if point is None or _BASE is None or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _ORDER
    minus = (_P - point[0], point[1], 1, _P - point[3])
    return _encode(_add(_times(scalar, _BASE), _times(challenge, minus))) == signature[:32]


def main(arguments: Sequence[str]) -> int:
    """Verify the bundle or extract in a file against the key given; 0 if it holds, 1 if not, 2 if it is neither."""
    try:
        path, vkey = arguments
        with open(path, encoding="utf-8") as file:
            bundle = read_bundle(file.read())
    except (OSError, ValueError, KeyError) as problem:
        sys.stderr.write(f"usage: python merkle.py FILE VKEY, with a proof or an extract as FILE ({problem})\n")
        return 2
    problems = verify_bundle(bundle, vkey)
    seqs = [] if problems else [str(entry["seq"]) for entry in bundle["entries"]]
    shown = ", ".join(seqs[:20]) + f" and {len(seqs) - 20} more" * (len(seqs) > 20)
    sys.stdout.write("\n".join(problems or [f"The proof holds for ledger entries {shown}."]) + "\n")
    return 1 if problems else 0


def read_bundle(text: str) -> Any:
    """A bundle, from JSON or from the lines of an extract. ValueError or KeyError for what is neither."""
    first, _, rest = text.partition("\n")
    if not (rest and first.endswith("}")):
        return json.loads(text)
    head, entries = json.loads(first), [json.loads(line) for line in rest.split("\n") if line]
    if head["format"] != EXTRACT_FORMAT:
        return head
    return {"format": BUNDLE_FORMAT, "vkey": head["vkey"], "checkpoint": head["checkpoint"], "entries": entries}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
