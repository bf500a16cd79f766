"""The audit pack: the wrong people first, then what is in it, and every trick on a pack that we know."""

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from approvals.models import Evidence
from modelcards import issuing, offline
from modelcards.attesting import attested_statements
from modelcards.auditor_script import auditor_script
from modelcards.authority import list_path
from modelcards.exporters import load
from modelcards.exporters.base import Piece
from modelcards.exporters.in_toto import statements
from modelcards.packs import pack_findings
from modelcards.signing import ensure_signing_identity, root_path
from modelcards.trust import trust_of
from portal import checkpoints
from portal.errors import NotPermitted, Unavailable
from portal.models import Checkpoint, LedgerEntry
from tests.modelcards.approvals import in_scoping, issued
from tests.modelcards.cards import card, smallest_card
from tests.modelcards.schemas import problem_of_bill, validator_of
from tests.modelcards.test_auditor_script import ALONE
from tests.modelcards.test_verify_command import verify

pytestmark = pytest.mark.usefixtures("own_var")
BACKEND = "django.contrib.auth.backends.ModelBackend"
VIEWED = "approvals.evidence.viewed"


def packed(row, user):
    return issuing.download(card_id=row.pk, actor=user, exporter="zip").content


def opened(pack):
    return zipfile.ZipFile(io.BytesIO(pack))


def rewritten(pack, change):
    """The same pack with its entries changed, written as the portal writes one."""
    with opened(pack) as old:
        entries = {one.filename: old.read(one) for one in old.infolist()}
    entries = change(entries) or entries

    class Forward(io.BytesIO):
        def seekable(self):
            return False

        def tell(self):
            raise io.UnsupportedOperation

    with zipfile.ZipFile(target := Forward(), "w") as new:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            with new.open(info, "w", force_zip64=True) as entry:
                entry.write(content)
    return target.getvalue()


_kept: dict[str, object] = {}


@pytest.fixture
def pack(request):
    """The pack of an issued card with what verifies it; made once, because a card takes seconds."""
    if not _kept:
        row = issued(request.getfixturevalue("cast"))
        own = packed(row, request.getfixturevalue("cast").auditor)
        root = root_path(settings.VAR).read_bytes()
        revoked = list_path(settings.VAR).read_bytes()
        _kept["pack"] = SimpleNamespace(
            content=own, number=row.number, root=root, key=checkpoints.vkey(), revoked=revoked
        )
    return _kept["pack"]


@pytest.fixture
def said(tmp_path, pack):
    """What the command and the stand-alone script say about a pack, which have to agree whether it holds."""
    (tmp_path / "root.pem").write_bytes(pack.root)
    (tmp_path / "revoked.crl").write_bytes(pack.revoked)
    (tmp_path / "verify_card.py").write_text(auditor_script(), encoding="utf-8")

    def ask(content):
        (tmp_path / "pack.zip").write_bytes(content)
        trust = ("--root", tmp_path / "root.pem", "--key", pack.key, "--revoked", tmp_path / "revoked.crl")
        status, words = verify(tmp_path / "pack.zip", *trust)
        command = [sys.executable, "-I", "-c", ALONE, "verify_card.py", "pack.zip"]
        command += ["--authority", "root.pem", "--ledger-key", pack.key, "--revoked", "revoked.crl"]
        alone = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert (status == 0) is (alone.returncode == 0), (words, alone.stdout, alone.stderr)
        assert not alone.stderr
        return status, words, alone.stdout

    return ask


def test_an_outsider_gets_no_pack_and_no_evidence_through_it(with_card, client):
    cast, row = with_card
    with pytest.raises(NotPermitted):
        packed(row, cast.outsider)
    client.force_login(cast.outsider, backend=BACKEND)
    url = reverse("admin:modelcards_modelcard_download", args=[row.pk, "zip"])
    assert client.get(url).status_code == 404
    assert not LedgerEntry.objects.filter(event__in=[VIEWED, "modelcards.card.downloaded"]).exists()


def test_an_auditor_gets_it_piece_by_piece_and_each_piece_is_recorded(with_card, client):
    cast, row = with_card
    client.force_login(cast.auditor, backend=BACKEND)
    answer = client.get(reverse("admin:modelcards_modelcard_download", args=[row.pk, "zip"]))
    assert answer.streaming
    assert answer["Content-Disposition"] == f'attachment; filename="{row.number}.audit-pack.zip"'
    with opened(b"".join(answer.streaming_content)) as pack:
        assert pack.testzip() is None
    for event in (VIEWED, "modelcards.card.downloaded"):
        assert [entry.actor_id for entry in LedgerEntry.objects.filter(event=event)] == [cast.auditor.pk]


def test_everything_is_in_it_and_is_what_the_formats_are(with_card):
    cast, row = with_card
    with opened(packed(row, cast.auditor)) as pack:
        found = {one.filename: pack.read(one) for one in pack.infolist()}
    artifact = Evidence.objects.get(version=row.version, kind="artifact")
    assert found["card.pdf"] == row.pdf.path.read_bytes()
    assert found["card.json"].decode() == row.content
    assert (
        found[f"evidence/{artifact.file.sha256}.{artifact.name.rpartition('.')[2]}"] == artifact.file.path.read_bytes()
    )
    validator_of(json.loads(found["schema/model-card-v1.schema.json"])).validate(json.loads(found["card.json"]))
    for name, version in (("card.cdx.json", "1.6"), ("card-1.7.cdx.json", "1.7")):
        assert json.loads(found[name])["specVersion"] == version
        assert problem_of_bill(found[name].decode()) is None
    assert (
        found["card.intoto.jsonl"] == issuing.download(card_id=row.pk, actor=cast.auditor, exporter="in_toto").content
    )
    assert found["trust/ledger-key.txt"].decode().strip() == checkpoints.vkey()
    assert set(found) >= {
        "README.txt",
        "card.README.md",
        "ledger/extract.jsonl",
        "trust/verify_card.py",
        "trust/card-root.pem",
    }
    lines = [line.split("  ") for line in found["MANIFEST"].decode().splitlines()]
    listed = {name: digest for digest, name in lines}
    assert set(listed) == set(found) - {"MANIFEST", "MANIFEST.dsse.json"}
    assert all(hashlib.sha256(found[name]).hexdigest() == digest for name, digest in listed.items())


def test_common_tools_read_it(cast, tmp_path):
    (tmp_path / "pack.zip").write_bytes(packed(issued(cast), cast.auditor))
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        pack.extractall(tmp_path / "out")
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", "MANIFEST"], cwd=tmp_path / "out", capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_same_state_gives_the_same_bytes_whoever_looked_meanwhile(with_card):
    cast, row = with_card
    first = packed(row, cast.auditor)
    issuing.download(card_id=row.pk, actor=cast.owner)
    assert packed(row, cast.owner) == first
    assert Checkpoint.objects.count() == 2


def test_a_pack_is_verified_by_the_command_and_by_the_script_in_it(pack, said):
    status, words, alone = said(pack.content)
    assert status == 0, words
    for name in ("Archive", "Manifest", "Files", "Evidence", "Attestation", "Ledger extract", "Issue", "Same card"):
        assert f"ok      {name}: " in words
    assert f"This is the audit pack of card {pack.number}" in words
    assert alone.startswith("GENUINE.")
    assert re.search("signed by +Amara Nwosu, Business analyst", alone)


def test_the_command_and_the_page_compare_a_pack_and_attestations_with_the_records(with_card, tmp_path, client):
    cast, row = with_card
    client.force_login(cast.outsider, backend=BACKEND)

    def verdict(content):
        form = {"file": SimpleUploadedFile("pack.zip", content)}
        return client.post(reverse("admin:modelcards_modelcard_verify"), form).content.decode()

    content = packed(row, cast.auditor)
    assert f"This is the audit pack of card {row.number}" in verdict(content)
    assert "byte for byte" in verdict(content)
    for changed in (content + b"PK", content[:-1], content.replace(b"Model card", b"Model CARD", 1), content[:4]):
        said = verdict(changed)
        assert "Do not rely on this file" in said
        assert "byte for byte" not in said
    for name, key in (("pack.zip", "zip"), ("card.intoto.jsonl", "in_toto")):
        (tmp_path / name).write_bytes(issuing.download(card_id=row.pk, actor=cast.auditor, exporter=key).content)
        status, words = verify(tmp_path / name, "--ledger")
        assert status == 0, words
        assert "ok      Records: " in words
    identity = ensure_signing_identity(settings.VAR)
    (tmp_path / "card.intoto.jsonl").write_bytes(attested_statements(statements(card()), identity))
    assert "WRONG   Records" in verify(tmp_path / "card.intoto.jsonl", "--ledger")[1]


EVIDENCE = "evidence/"


def swapped(entries):
    entries[next(n for n in entries if n.startswith(EVIDENCE) and n != "evidence/index.json")] = b"another artifact"


def swapped_and_listed(entries):
    """A changed file with a manifest that fits, but not the signature."""
    old = hashlib.sha256(entries["card.README.md"]).hexdigest().encode()
    entries["card.README.md"] += b"Approved without conditions."
    new = hashlib.sha256(entries["card.README.md"]).hexdigest().encode()
    entries["MANIFEST"] = entries["MANIFEST"].replace(old, new)


def removed(entries):
    del entries["card.README.md"]


def added(entries):
    entries["evidence/better-report.pdf"] = b"%PDF-1.7"


def line_taken_out(entries):
    lines = entries["MANIFEST"].splitlines(keepends=True)
    entries["MANIFEST"] = b"".join(line for line in lines if b"card.README.md" not in line)
    del entries["card.README.md"]


def unsigned(entries):
    del entries["MANIFEST.dsse.json"]


def another_order(entries):
    return dict(reversed(entries.items()))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (swapped, "was changed."),
        (swapped_and_listed, "The manifest is not the one that was signed."),
        (removed, "card.README.md is missing."),
        (added, "evidence/better-report.pdf was added."),
        (line_taken_out, "The manifest is not the one that was signed."),
        (unsigned, "The manifest is not signed"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_pack_that_was_tampered_with_is_named(pack, said, change, why):
    status, words, alone = said(rewritten(pack.content, change))
    assert status == 1
    assert why in words
    assert why in alone
    assert "Do not rely on this file." in words
    assert alone.startswith("NOT GENUINE")


def test_a_rewritten_pack_of_the_same_entries_holds(pack, said):
    assert said(rewritten(pack.content, another_order))[0] == 0


def hostile_archives(content):
    middle = content.index(b"PK\x01\x02")
    yield "bytes after the end", content + b"more"
    yield "bytes before the beginning", b"PK\x03\x04" + content
    yield "bytes between entries and directory", content[:middle] + b"hidden" + content[middle:]
    yield "half of it", content[: len(content) // 2]
    with zipfile.ZipFile(packed_again := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as new, opened(content) as old:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
    yield "compressed entries", packed_again.getvalue()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice := io.BytesIO(content), "a") as new:
        new.writestr("card.json", b"{}")
    yield "a name twice", twice.getvalue()


def test_a_pack_or_a_bundle_that_asks_for_much_memory_is_refused_before_it_is_read(pack, tmp_path):
    """Whoever is signed in may send one to the page."""
    trust = trust_of(roots=[pack.root])
    end = pack.content[:-12] + b"\xff\xff\xff\x7f" + pack.content[-8:]
    many = pack.content[:-12] + b"\xff" * 12
    manifest = rewritten(pack.content, lambda found: {**found, "MANIFEST": b"\n" * 6_000_000})
    for content, why in ((end, "The pack holds more"), (many, "The pack holds more"), (manifest, "manifest is larger")):
        (tmp_path / "pack.zip").write_bytes(content)
        found = list(pack_findings(tmp_path / "pack.zip", trust=trust, vkey=None))
        assert any(holds is False and why in sentence for _, holds, sentence in found)
    for content in (b"[" + b"[]," * 2_000_000 + b"[]]\n", b'{"payload":[' + b"[]," * 2_000_000 + b"[]]}\n"):
        assert not offline.is_attestation(content)


def test_what_hides_in_the_archive_is_found(pack, said):
    for trick, hostile in hostile_archives(pack.content):
        status, words, _ = said(hostile)
        assert (status, "WRONG   Archive" in words) == (1, True), (trick, words)


def test_a_flipped_bit_in_any_place_is_found(pack, tmp_path):
    trust = trust_of(roots=[pack.root], lists=[pack.revoked])
    for step in range(80):
        damaged = bytearray(pack.content)
        damaged[(len(damaged) - 1) * step // 80] ^= 0x04
        (tmp_path / "pack.zip").write_bytes(damaged)
        found = pack_findings(tmp_path / "pack.zip", trust=trust, vkey=pack.key)
        assert any(holds is False for _, holds, _ in found), step


def test_a_pack_signed_by_another_portal_is_not_trusted(pack, tmp_path):
    (tmp_path / "pack.zip").write_bytes(pack.content)
    (tmp_path / "other.pem").write_bytes(ensure_signing_identity(tmp_path / "elsewhere").root_pem)
    status, words = verify(tmp_path / "pack.zip", "--root", tmp_path / "other.pem", "--key", pack.key)
    assert (status, "WRONG   Manifest authority" in words) == (1, True)


def test_evidence_that_was_altered_in_the_store_is_never_handed_out(with_card):
    cast, row = with_card
    artifact = Evidence.objects.get(version=row.version, kind="artifact").file.path
    content = artifact.read_bytes()
    artifact.chmod(0o600)
    artifact.write_bytes(content[:-1] + b"x")
    parts = issuing.download(card_id=row.pk, actor=cast.auditor, exporter="zip").chunks
    with pytest.raises(Unavailable):
        b"".join(parts)
    artifact.unlink()
    with pytest.raises(Unavailable, match="is not in the store"):
        issuing.download(card_id=row.pk, actor=cast.auditor, exporter="zip")


def test_a_draft_is_packed_as_a_draft_and_unsigned(cast, tmp_path):
    row = issuing.request_draft(version_id=in_scoping(cast).pk, actor=cast.submitter)
    assert issuing.execute(row.pk)
    draft = packed(row, cast.submitter)
    with opened(draft) as found:
        assert "MANIFEST.dsse.json" not in found.namelist()
        assert found.read("README.txt").startswith(b"DRAFT")
        assert b"signatures" not in found.read("card.intoto.jsonl")
    (tmp_path / "draft.zip").write_bytes(draft)
    status, words = verify(tmp_path / "draft.zip")
    assert (status, "this is a draft" in words) == (1, True)


@pytest.mark.parametrize("document", [card(), smallest_card()], ids=["issued", "draft"])
def test_the_card_alone_gives_a_pack_without_what_only_the_portal_has(document):
    with opened(load()["zip"]().export(document)) as pack:
        names = pack.namelist()
        assert pack.read("card.json") == document.canonical()
    assert "card.cdx.json" in names
    assert not any(name.startswith(("evidence/", "trust/", "ledger/")) or name == "card.pdf" for name in names)


def test_large_evidence_goes_through_in_parts():
    """Gigabytes are never held: each part that is read is given on before the next is read."""
    taken: list[int] = []
    given: list[bytes] = []

    def chunks():
        for _ in range(5):
            taken.append(len(given))
            yield bytes(1000)

    class Records:
        def pdf(self):
            return b"%PDF-"

        def attestations(self):
            return None

        def extract(self):
            return iter(())

        def trust(self):
            return {}

        def evidence(self):
            return [Piece("Model artifact", "a.bin", hashlib.sha256(bytes(5000)).hexdigest(), 5000, chunks())]

        def signed(self, manifest):
            return b""

    given.extend(load()["zip"]().handed_out(smallest_card(), Records()))
    assert len(set(taken)) == 5
