"""Artifacts that say one thing to the scan and another to the program that loads them, and damaged ones."""

import io
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest

from approvals.checks.artifact_scan import ArtifactScan
from tests.approvals.checks.onnx_graphs import field, graph_of, node, tensor, value, varint

WEIGHTS = tensor(b"w", [0.3, -0.5], 2, 1)
PRODUCT = node(b"MatMul", [b"rows", b"w"], b"score")


@pytest.fixture
def scan(measured, judged, piece):
    return lambda content: judged(ArtifactScan, measured(ArtifactScan, piece("artifact", content)))


def eight_bytes(number, content):
    """A field of the kind of a double: programs skip it where they expect a text."""
    return varint(number << 3 | 1) + content


def graph(*nodes, weights=WEIGHTS):
    return graph_of(nodes, [weights], 2, [value(b"score", 1, 0, 1)])


def elsewhere(*more, marked=True):
    """Weights whose numbers lie in another file; `more` follows in the entry that names it."""
    named = b"".join([field(1, b"location"), field(2, b"/etc/passwd"), *more])
    place = field(14, 1) if marked else b""
    return b"".join([field(1, 2), field(1, 1), field(2, 1), field(8, b"w"), field(13, named), place])


def test_the_graph_itself_is_harmless(scan):
    assert scan(graph(PRODUCT)).verdict == "passed"


@pytest.mark.parametrize(
    "content",
    [
        graph(node(b"PythonOp", [b"rows"], b"score") + field(7, b"com.microsoft") + eight_bytes(4, b"FastGelu")),
        graph(node(b"PythonOp", [b"rows"], b"score") + field(7, b"com.microsoft") + field(4, 7)),
        graph(PRODUCT, weights=elsewhere(eight_bytes(1, b"whatever"))),
        graph(PRODUCT, weights=elsewhere(field(1, b"other"))),
        graph(PRODUCT, weights=elsewhere(marked=False)),
        graph(PRODUCT, weights=field(1, 2) + field(2, 1) + field(8, b"w") + field(14, 1)),
        graph(PRODUCT, weights=WEIGHTS + eight_bytes(14, b"\0" * 8)),
        graph(PRODUCT, weights=WEIGHTS + eight_bytes(13, b"location")),
    ],
    ids=["operator", "operator-number", "place", "place-twice", "no-mark", "mark-only", "odd-mark", "odd-place"],
)
def test_what_a_program_reads_cannot_be_hidden_by_a_field_that_it_skips(scan, content):
    judgement = scan(content)
    assert judgement.verdict == "failed"
    assert any(words in judgement.sentences[0] for words in ("is of another kind", "keeps numbers in another file"))


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


NUMBERS = npy(np.arange(20_000) % 7)


def zipped(compression=zipfile.ZIP_DEFLATED, **said):
    stream = io.BytesIO()
    member = zipfile.ZipInfo("w.npy")
    member.compress_type = compression
    for name, content in said.items():
        setattr(member, name, content)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(member, NUMBERS)
    return stream.getvalue()


def followed():
    """An archive with a pickle behind the end of what is unpacked, inside its only member."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(NUMBERS) + packer.flush() + pickle.dumps("hidden")
    sizes = (zlib.crc32(NUMBERS), len(packed), len(NUMBERS), 5)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, *sizes, 0) + b"w.npy" + packed
    listed = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 33, *sizes, 0, 0, 0, 0, 0, 0) + b"w.npy"
    return local + listed + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(listed), len(local), 0)


def changed(content, place, byte):
    return content[:place] + bytes([byte]) + content[place + 1 :]


def spoilt(compression, place):
    content = bytearray(zipped(compression))
    for at in range(place, place + 30):
        content[at] ^= 0x5A
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped(comment=b"exec()"), "keeps something beside the member"),
        (zipped(extra=struct.pack("<HH", 0x7075, 4) + b"evil"), "keeps something beside the member"),
        (followed(), "has bytes behind its end"),
        (changed(zipped(), 8, 0), "packs the member 'w.npy' otherwise"),
        (spoilt(zipfile.ZIP_DEFLATED, 45), "zip archive that cannot be read"),
        (spoilt(zipfile.ZIP_DEFLATED, 200), "is damaged"),
        (spoilt(zipfile.ZIP_LZMA, 45), "zip archive that cannot be read"),
        (changed(zipped(zipfile.ZIP_STORED), 60_000, 9), "zip archive that cannot be read: Bad CRC-32"),
    ],
    ids=["comment", "second-name", "behind", "method", "start", "middle", "lzma", "number"],
)
def test_every_byte_of_an_archive_belongs_to_its_members_and_is_sound(scan, content, words):
    judgement = scan(content)
    assert judgement.verdict == "failed"
    assert words in judgement.sentences[0]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sound_archives_pass(scan, compression):
    assert scan(zipped(compression)).verdict == "passed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 3000) + b"(" * 2999 + b"\n", "cannot be read"),
        (NUMBERS.replace(b"(20000,)", b"(-2,-1,)"), "a shape of negative numbers"),
        (NUMBERS[:-8], "8 bytes fewer than its shape needs"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 60, "a format that this portal does not know"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(scan, content, words):
    judgement = scan(content)
    assert judgement.verdict == "failed"
    assert words in judgement.sentences[0]
    assert len(judgement.sentences[0]) < 400
