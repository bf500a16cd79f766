"""Cards of three kinds of models before other people's validators; `make cards-validation` writes that down."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from approvals import checking, running
from approvals.stages import Role
from modelcards import issuing, seals
from modelcards.countersigning import countersigned, read_key
from modelcards.models import ModelCard
from modelcards.renewing import renewed
from tests.approvals.checks.conftest import DIABETES, REFERENCE, WINE
from tests.cast import TABLE, tiny_table
from tests.modelcards.signers import PASSPHRASE, by_pyhanko, signer
from tests.modelcards.timestamp_server import served
from tests.modelcards.validators import VeraPdf, all_verdicts

KINDS: dict[str, Any] = {
    "classification": (tiny_table, TABLE, {"performance": {"thresholds": {"min_accuracy": 0.6}}}),
    "several classes": (
        (REFERENCE / "p05_wine_multiclass.csv").read_bytes,
        WINE | {"class_scores": {"0": "p0", "1": "p1", "2": "p2"}},
        {"performance": {"thresholds": {"min_f1_macro": 0.7}}},
    ),
    "regression": (
        (REFERENCE / "p04_diabetes_regression.csv").read_bytes,
        DIABETES,
        {
            "performance": {"thresholds": {"max_rmse": 60}},
            "group_fairness": {
                "thresholds": {"max_mae_difference_in_deviations": 0.1, "max_mean_prediction_difference": 10}
            },
        },
    ),
}
_said: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def _written_down():
    """A document of what was said, where CARDS_VALIDATION names a file."""
    yield
    target = os.environ.get("CARDS_VALIDATION")
    if target and _said:
        Path(target).write_text(document(_said), encoding="utf-8")


@pytest.fixture(scope="module")
def conformance(tmp_path_factory):
    """One veraPDF for all cards: its start takes longer than its work."""
    with VeraPdf(tmp_path_factory.mktemp("verapdf")) as program:
        yield program


def document(said):
    lines = [
        "# What other programs say about the cards",
        "",
        "Written by `make cards-validation`: a card of each kind of model is issued through the portal's use cases,",
        "and these programs judge it. `tests/modelcards/test_validators.py` demands the same at each run of the tests.",
        "B-B is what a portal without a timestamp authority makes, B-LTA what one with an authority makes (here one of",
        "the tests' own). `pdfsig` ends with 0 for a changed file, too, so its words are read.",
    ]
    for kind, level, verdicts in said:
        lines += ["", f"## {kind.capitalize()}, {level}", "", "| program | question | says |", "|---|---|---|"]
        lines += [f"| {v.program} | {v.question} | {'yes' if v.passed else 'NO'} |" for v in verdicts]
    return "\n".join(lines) + "\n"


def issued(cast, kind):
    """A finished card of a version of that kind."""
    table, declared, checks = KINDS[kind]
    asked = [{"checks": {"check": name, **policy}} for name, policy in checks.items()]
    cast.publish(
        {
            "scoping": [
                {"evidence": {"kind": "artifact"}}, *asked, {"signoffs": {"role": "business_analyst"}}
            ],
            "deployment_approval": [{"signoffs": {"role": "it_operations"}}],
        }
    )  # fmt: skip
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", table(), "evaluation.csv", **declared)
    for run in checking.request_open_checks(version_id=version.pk, actor=cast.submitter):
        running.execute(run.pk)
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.advance(version)
    row = ModelCard.objects.get(version=version, kind="issued")
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    return ModelCard.objects.select_related("pdf").get(pk=row.pk)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("kind", "level"), [*((kind, "B-B") for kind in KINDS), ("classification", "B-LTA")])
def test_everybody_agrees_on_the_card(cast, own_var, settings, tsa, conformance, tmp_path, kind, level):
    (tmp_path / "tsa.pem").write_bytes(tsa.root_pem)
    lists = [tmp_path / f"{number}.crl" for number in range(len(tsa.lists))]
    for path, content in zip(lists, tsa.lists, strict=True):
        path.write_bytes(content)
    with served(tsa):
        named = {"URL": tsa.url, "CA": str(tmp_path / "tsa.pem"), "CRLS": ",".join(map(str, lists)), "LEVEL": level}
        settings.TIMESTAMPS = {**settings.TIMESTAMPS, **(named if level != "B-B" else {})}
        row = issued(cast, kind)
    roots = [seals.identity().root, tsa.root]
    verdicts = all_verdicts(tmp_path, row.pdf.path.read_bytes(), roots, conformance=conformance)
    _said.append((kind, level, verdicts))
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) == {"B-B": 9, "B-LTA": 11}[level]
    if kind == "classification":
        pdf = row.pdf.path.read_bytes()
        if level == "B-LTA":
            with served(tsa) as client:
                pdf = renewed(pdf, client(), now=datetime.now(UTC))
        further = signed_further(tmp_path / "further", pdf, roots, conformance)
        first = "timestamp renewed, " if level == "B-LTA" else ""
        _said.append((f"{kind}, {first}signed further by two", level, further))
        assert [verdict for verdict in further if not verdict.passed] == []
        assert len(further) == {"B-B": 11, "B-LTA": 15}[level]


def signed_further(folder, pdf, roots, conformance):
    """Verdicts on a card that two people signed, one with our command and one with pyHanko's own signer."""
    auditor, regulator = signer("Auditor"), signer("Regulator", kind="rsa")
    key = read_key(auditor.p12, PASSPHRASE, now=datetime.now(UTC))
    pdf = by_pyhanko(countersigned(pdf, key, reason="Seen")[0], regulator, "CounterSignature2")
    return all_verdicts(folder, pdf, [*roots, auditor.root, regulator.root], conformance=conformance, signatures=3)


@pytest.mark.timeout(200)
def test_verapdf_names_what_does_not_conform(printed, conformance, tmp_path):
    """The judge judges: without its language and its title a card is neither PDF/A-3a nor PDF/UA-1."""
    with pikepdf.open(io.BytesIO(printed.pdf)) as opened:
        del opened.Root.Lang, opened.Root.ViewerPreferences
        opened.Root.Metadata.write(opened.Root.Metadata.read_bytes().replace(b"pdfaid:part", b"pdfaid:parts"))
        opened.save(tmp_path / "card.pdf")
    verdicts = list(conformance.verdicts(tmp_path / "card.pdf"))
    assert [verdict.passed for verdict in verdicts] == [False, False, False]
    for verdict, clause in zip(verdicts, ("6.6.4-2: ", "6.6.4-2: ", "7.2-"), strict=True):
        assert clause in verdict.said
