"""The tree against RFC 6962 and itself for every small size, and proofs against one changed byte at every place."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from portal import merkle

SIZES = 70
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(SIZES)]
TREE = merkle.Tree(LEAVES)
# Certificate Transparency's own test vectors.
CT_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_roots_are_those_of_certificate_transparency():
    tree = merkle.Tree(merkle.leaf_hash(bytes.fromhex(text)) for text in CT_INPUTS)
    assert [tree.root(size).hex() for size in range(1, 9)] == CT_ROOTS
    assert tree.root(0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_peaks_give_the_root_of_the_whole_tree_at_every_size():
    peaks: list[bytes] = []
    for size in range(SIZES):
        assert merkle.root_of(peaks) == TREE.root(size)
        peaks = merkle.push(peaks, size, LEAVES[size])
    assert merkle.root_of(peaks) == TREE.root()


def test_every_inclusion_proof_holds_for_its_own_place_and_no_other():
    for size in range(1, SIZES + 1):
        root = TREE.root(size)
        for index in range(size):
            proof = TREE.inclusion(index, size)
            held_at = [
                place
                for place in range(size)
                if merkle.verify_inclusion(leaf=LEAVES[index], index=place, size=size, proof=proof, root=root)
            ]
            assert held_at == [index]


def test_an_inclusion_proof_that_is_cut_lengthened_or_for_another_leaf_never_holds():
    for size in range(2, SIZES + 1):
        root = TREE.root(size)
        for index in range(size):
            proof = TREE.inclusion(index, size)
            for wrong in (proof[:-1], proof[1:], (*proof, root), (root, *proof), tuple(item[:-1] for item in proof)):
                assert not merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=wrong, root=root)
            other = LEAVES[(index + 1) % size]
            assert not merkle.verify_inclusion(leaf=other, index=index, size=size, proof=proof, root=root)


def test_every_consistency_proof_holds_and_never_for_another_beginning():
    for size in range(SIZES + 1):
        for old_size in range(size + 1):
            proof = TREE.consistency(old_size, size)
            held_from = [
                claimed
                for claimed in range(size + 1)
                if merkle.verify_consistency(
                    old_size=old_size, old_root=TREE.root(claimed), size=size, root=TREE.root(size), proof=proof
                )
            ]
            assert held_from == [old_size]


def test_a_consistency_proof_that_is_cut_lengthened_or_changed_never_holds():
    for size in range(2, 34):
        for old_size in range(1, size):
            proof = TREE.consistency(old_size, size)
            flipped = [
                (*proof[:place], bytes([item[0] ^ 1]) + item[1:], *proof[place + 1 :])
                for place, item in enumerate(proof)
            ]
            for wrong in (proof[:-1], proof[1:], (*proof, proof[-1]), *flipped):
                assert not merkle.verify_consistency(
                    old_size=old_size, old_root=TREE.root(old_size), size=size, root=TREE.root(size), proof=wrong
                )


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, SIZES + 1)])
def test_proofs_outside_the_tree_are_refused(index, size):
    with pytest.raises(IndexError, match="outside a ledger"):
        TREE.inclusion(index, size)


# RFC 8032, 7.1, tests 1 to 3.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_ed25519_follows_the_vectors_of_its_rfc(key, message, signature):
    good = (bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message))
    assert merkle.verify_ed25519(*good)
    assert not merkle.verify_ed25519(good[0], good[1], good[2] + b"x")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_ed25519_agrees_with_the_library_and_refuses_any_flipped_bit(seed, message, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public_key, signature = key.public_key().public_bytes_raw(), key.sign(message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert merkle.verify_ed25519(public_key, signature, message)
    assert not merkle.verify_ed25519(public_key, bytes(flipped), message)


def test_ed25519_refuses_the_same_signature_written_with_a_larger_number():
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    signature = key.sign(b"note")
    larger = int.from_bytes(signature[32:], "little") + merkle._ORDER
    malleable = signature[:32] + larger.to_bytes(32, "little")
    assert not merkle.verify_ed25519(key.public_key().public_bytes_raw(), malleable, b"note")


KEY = Ed25519PrivateKey.from_private_bytes(b"ledger key of the tests, 32 byte")
PUBLIC = KEY.public_key().public_bytes_raw()
NAME = "portal.example/ledger"
VKEY = merkle.make_vkey(NAME, PUBLIC)


def sign(size, root, *, key=KEY, name=NAME, origin=NAME):
    body = merkle.note_body(origin, size, root)
    return merkle.signed_note(body, name, key.public_key().public_bytes_raw(), key.sign(body.encode()))


def make_bundle(seqs=(0, 4, 6), size=7):
    payloads = [f'{{"event":"thing.done","seq":{seq}}}' for seq in range(size)]
    tree = merkle.Tree(merkle.leaf_hash(text.encode()) for text in payloads)
    return {
        "format": merkle.BUNDLE_FORMAT,
        "vkey": VKEY,
        "checkpoint": sign(size, tree.root()),
        "entries": [
            {"seq": seq, "payload": payloads[seq], "proof": [item.hex() for item in tree.inclusion(seq)]}
            for seq in seqs
        ],
    }


def test_the_key_of_the_go_checksum_database_is_read_as_go_reads_it():
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    name, public_key = merkle.parse_vkey(text)
    assert (name, merkle.make_vkey(name, public_key)) == ("sum.golang.org", text)


def test_a_note_signed_by_gos_own_implementation_verifies():
    name, public_key = merkle.parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    body = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    signature = base64.b64decode(line)
    assert signature[:4] == merkle.key_id(name, public_key)
    assert merkle.verify_ed25519(public_key, signature[4:], body.encode())
    assert merkle.signed_note(body, name, public_key, signature[4:]) == f"{body}\n\u2014 {name} {line}\n"


def test_a_note_says_its_size_and_root_to_whoever_has_the_key():
    note = merkle.verify_note(sign(7, TREE.root(7)), VKEY)
    assert (note.origin, note.size, note.root) == (NAME, 7, TREE.root(7))


def test_a_note_by_another_key_of_the_same_name_is_unknown():
    other = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    with pytest.raises(merkle.UnknownKey, match="not signed by the key"):
        merkle.verify_note(sign(7, TREE.root(7), key=other), VKEY)


def test_a_note_with_another_origin_is_refused_though_the_signature_fits():
    with pytest.raises(merkle.Untrusted, match="does not fit"):
        merkle.verify_note(sign(7, TREE.root(7), origin="elsewhere.example/log"), VKEY)


def test_a_cosignature_by_an_unknown_witness_does_no_harm():
    witness = "\u2014 witness.example " + base64.b64encode(b"abcd" + b"s" * 64).decode() + "\n"
    assert merkle.verify_note(sign(7, TREE.root(7)) + witness, VKEY).size == 7


@pytest.mark.parametrize(
    "vkey", ["", "a+b+c", VKEY[:-1], "other" + VKEY, VKEY.replace("+", "-"), f"{NAME}+00000000+AQ=="]
)
def test_a_broken_vkey_is_refused(vkey):
    with pytest.raises(merkle.Untrusted):
        merkle.parse_vkey(vkey)


def test_a_good_bundle_has_no_problems():
    assert merkle.verify_bundle(make_bundle(), VKEY) == []


def flips(text):
    """The text with one byte changed, at every byte, in every way that is still text."""
    raw = text.encode()
    for place in range(len(raw)):
        for bit in (1, 32):
            try:
                yield (raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]).decode()
            except UnicodeDecodeError:
                continue


def test_g30_no_byte_of_a_checkpoint_can_change():
    bundle = make_bundle()
    accepted = [
        text for text in flips(bundle["checkpoint"]) if not merkle.verify_bundle({**bundle, "checkpoint": text}, VKEY)
    ]
    assert accepted == []


@pytest.mark.parametrize("cut", [1, 2, 30, 90])
def test_no_cut_or_lengthened_checkpoint_is_accepted(cut):
    bundle = make_bundle()
    for text in (bundle["checkpoint"][:-cut], bundle["checkpoint"][cut:], bundle["checkpoint"] + "x" * cut):
        assert merkle.verify_bundle({**bundle, "checkpoint": text}, VKEY) != []


def test_g30_no_byte_of_an_entry_or_its_proof_can_change():
    bundle = make_bundle()
    for place, entry in enumerate(bundle["entries"]):
        changed = [{**entry, "payload": text} for text in flips(entry["payload"])]
        changed += [
            {**entry, "proof": [*entry["proof"][:step], text, *entry["proof"][step + 1 :]]}
            for step, item in enumerate(entry["proof"])
            for text in flips(item)
        ]
        changed += [{**entry, "proof": entry["proof"][1:]}, {**entry, "proof": [*entry["proof"], "00" * 32]}]
        changed += [{**entry, "seq": seq} for seq in (-1, 1, 2, 7, True, float(entry["seq"]), str(entry["seq"]), None)]
        for wrong in changed:
            entries = [*bundle["entries"][:place], wrong, *bundle["entries"][place + 1 :]]
            assert merkle.verify_bundle({**bundle, "entries": entries}, VKEY) != [], wrong


@pytest.mark.parametrize(
    "change",
    [
        {"format": "ledger-proof@v2"},
        {"vkey": merkle.make_vkey(NAME, b"p" * 32)},
        {"entries": []},
        {"entries": None},
        {"entries": ["x"]},
        {"entries": [{"seq": 0}]},
        {"entries": [{"seq": 0, "payload": "{}", "proof": []}]},
        {"entries": [{"seq": 0, "payload": '{"seq":0,"x":"\ud800"}', "proof": []}]},
        {"entries": [{"seq": 0, "payload": None, "proof": None}]},
        {"checkpoint": None},
        {"checkpoint": ""},
        {"checkpoint": "\n\n"},
        {"checkpoint": "\ud800\n\n"},
        {"more": 1},
    ],
)
def test_a_bundle_that_is_not_what_it_should_be_is_refused(change):
    assert merkle.verify_bundle({**make_bundle(), **change}, VKEY) != []


@pytest.mark.parametrize("bundle", [None, [], "x", {}])
def test_something_else_is_no_bundle(bundle):
    assert merkle.verify_bundle(bundle, VKEY) != []


def test_a_bundle_signed_by_another_key_is_refused_even_if_it_brings_that_key():
    other = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
    bundle = make_bundle()
    size, root = 7, merkle.parse_note(bundle["checkpoint"])[0].root
    forged = {**bundle, "checkpoint": sign(size, root, key=other)}
    brought = merkle.make_vkey(NAME, other.public_key().public_bytes_raw())
    assert merkle.verify_bundle(forged, VKEY) != []
    assert merkle.verify_bundle({**forged, "vkey": brought}, VKEY) != []


@pytest.mark.parametrize(("change", "code", "said"), [({}, 0, "holds for"), ({"vkey": "x"}, 1, "another key")])
def test_g30_the_file_alone_verifies_a_bundle_without_our_packages(tmp_path, change, code, said):
    script = tmp_path / "merkle.py"
    script.write_bytes(Path(merkle.__file__).read_bytes())
    (tmp_path / "bundle.json").write_text(json.dumps({**make_bundle(), **change}))
    # -I and -S: no environment, no site-packages.
    command = [sys.executable, "-I", "-S", str(script), str(tmp_path / "bundle.json"), VKEY]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, said in run.stdout) == (code, True)
