"""`manage.py countersign`: a new file beside the card, and what the portal says of that file."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests.modelcards.signers import PASSPHRASE, signer
from tests.modelcards.test_verify_command import verify


@pytest.fixture
def files(with_card, tmp_path, monkeypatch):
    """An issued card and an auditor's key as files, the passphrase in the environment."""
    _, row = with_card
    auditor = signer("Auditor")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "card.pdf").write_bytes(row.pdf.path.read_bytes())
    (folder / "key.p12").write_bytes(auditor.p12)
    (folder / "root.pem").write_bytes(auditor.root_pem)
    monkeypatch.setenv("COUNTERSIGN_PASSPHRASE", PASSPHRASE)
    return folder


def countersign(folder, *options, card="card.pdf"):
    said = io.StringIO()
    call_command("countersign", folder / card, "--key", folder / "key.p12", *options, stdout=said, stderr=said)
    return said.getvalue()


def test_the_portal_knows_its_card_in_a_file_that_was_signed_further(with_card, files):
    """The command, and the same with the records; who vouches for the signer is asked of a root of their own."""
    _, row = with_card
    before = (files / "card.pdf").read_bytes()
    said = countersign(files, "--reason", "Audit of 2026")
    assert "does not vouch for who that is" in said
    assert (files / "card.pdf").read_bytes() == before
    signed = files / "card-countersigned.pdf"
    assert signed.read_bytes().startswith(before)
    status, said = verify(signed, "--ledger")
    assert status == 0, said
    assert said.startswith(f"This is card {row.number} as issued")
    assert "in the records, with more signatures or timestamps behind it." in said
    assert "Further signature 1: The signature in the field CounterSignature1" in said
    assert "“Audit of 2026”; this portal does not vouch for who that is." in said
    status, said = verify(signed, "--signer-root", files / "root.pem")
    assert status == 0, said
    assert "“CN=Auditor root”, whom you trust, vouches" in said
    with pytest.raises(CommandError, match="is there already"):
        countersign(files)
    countersign(files, "--out", files / "second.pdf", card="card-countersigned.pdf")
    assert verify(files / "second.pdf", "--ledger")[0] == 0


def test_bad_files_keys_and_cards_are_named_and_nothing_is_written(files, monkeypatch):
    (files / "text.pdf").write_bytes(b"no card")
    card = (files / "card.pdf").read_bytes()
    (files / "longer.pdf").write_bytes(card + b"\n")
    for options, name, why in (
        ((), "absent.pdf", "cannot be read"),
        ((), "text.pdf", "does not verify"),
        ((), "longer.pdf", "1 bytes were added after the signature"),
        (("--root", files / "root.pem"), "card.pdf", "does not vouch"),
        (("--timestamp",), "card.pdf", "there is none"),
        (("--out", files / "no" / "folder.pdf"), "card.pdf", "cannot be written"),
    ):
        with pytest.raises(CommandError, match=why):
            countersign(files, *options, card=name)
    monkeypatch.setenv("COUNTERSIGN_PASSPHRASE", "another")
    with pytest.raises(CommandError, match="the passphrase is another one"):
        countersign(files)
    (files / "key.p12").write_bytes(b"no key")
    with pytest.raises(CommandError, match=r"no PKCS#12 file"):
        countersign(files)
    assert {path.name for path in files.glob("*.pdf")} == {"card.pdf", "text.pdf", "longer.pdf"}
