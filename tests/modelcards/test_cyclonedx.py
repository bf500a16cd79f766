"""The bill of materials: valid for both versions of the standard, the card's facts in its fields, nothing invented."""

import dataclasses
import json

import pytest

from modelcards import card as c
from modelcards.exporters import load
from modelcards.exporters.cyclonedx import VERSIONS, bill, serial_number
from tests.modelcards.cards import ARTIFACT, card, sha, smallest_card
from tests.modelcards.schemas import problem_of_bill

NASTY = "</script><img src=x onerror=alert(1)>\x00\u202e\n---\n'\"&"


def problems(document):
    return problem_of_bill(json.dumps(document))


def exported(document=None):
    return json.loads(load()["cyclonedx"]().export(document or card()))


def model(found):
    return found["metadata"]["component"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_card_is_a_valid_bill_in_both_versions(version):
    nasty = dataclasses.replace(card().model, name=NASTY, purpose=NASTY, business_unit="")
    for document in (card(), smallest_card(), card(model=nasty)):
        assert problems(bill(document, version)) is None


def test_the_validator_would_have_found_a_wrong_bill():
    wrong = bill(card())
    model(wrong)["modelCard"]["modelParameters"]["approach"] = {"type": "guessed"}
    assert problems(wrong) is not None


def test_the_model_is_named_by_its_artifact_and_the_card_by_its_digest():
    found = exported()
    assert found["serialNumber"] == serial_number(card().digest())
    assert found["metadata"]["timestamp"] == card().made_at
    assert model(found)["type"] == "machine-learning-model"
    assert model(found)["hashes"] == [{"alg": "SHA-256", "content": ARTIFACT}]
    assert serial_number(card(number="MC-2026-0008").digest()) != found["serialNumber"]


def test_data_are_components_with_digests_that_the_model_depends_on():
    found = exported()
    assert [(one["type"], one["hashes"][0]["content"]) for one in found["components"]] == [
        ("data", sha("train")),
        ("data", sha("bureau")),
        ("data", sha("test")),
    ]
    assert found["dependencies"][0] == {"ref": "model", "dependsOn": ["data:1", "data:2", "data:3"]}


def test_an_attached_bill_of_materials_is_referenced_by_its_digest():
    attached = c.EvidenceItem("Bill of materials", "bom.cdx.json", sha("bom"), 9, "Jo", "2026-03-14T08:00:00+00:00")
    assert not [one for one in model(exported())["externalReferences"] if one["type"] == "bom"]
    found = model(exported(card(evidence=(*card().evidence, attached))))["externalReferences"]
    assert [one["hashes"][0]["content"] for one in found if one["type"] == "bom"] == [sha("bom")]


def dependencies(verdict="passed", note=""):
    columns = ("Component", "Version", "Licence", "Licence is", "Exact version", "Digest", "Problems")
    rows = (
        ("numpy", "2.3.1", "BSD-3-Clause", "allowed", "yes", "yes", ""),
        ("odd", "none", "none", "?", "no", "no", ""),
    )
    table = c.Table("Components", columns, rows, note)
    return c.CheckResult("dependency_licences", "Dependencies", "1", "Development", verdict, tables=(table,))


def test_libraries_of_an_attached_bill_are_components_that_the_model_depends_on():
    found = exported(card(checks=(dependencies(),)))
    libraries = [one for one in found["components"] if one["type"] == "library"]
    assert [(one["name"], one.get("version")) for one in libraries] == [("numpy", "2.3.1"), ("odd", None)]
    assert libraries[0]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert "licenses" not in libraries[1]
    assert found["dependencies"][0]["dependsOn"][-2:] == ["library:1", "library:2"]
    assert "compositions" not in found
    cut = bill(card(checks=(dependencies(note="The first 2 of 900."),)))
    assert problems(cut) is None
    assert cut["compositions"][0]["aggregate"] == "incomplete"
    old = exported(card(checks=(dependencies("not_computable"),)))
    assert all(one["type"] != "library" for one in old["components"])


def test_every_computable_number_is_a_metric_with_its_slice_and_interval_and_no_other_is():
    metrics = model(exported())["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    auc = next(one for one in metrics if one["type"] == "roc_auc")
    expected = next(n for check in card().checks for n in check.numbers if n.name == "roc_auc")
    assert float(auc["value"]) == expected.value
    assert (float(auc["confidenceInterval"]["lowerBound"]), "slice" in auc) == (expected.low, False)
    slices = {one.get("slice", "") for one in metrics}
    assert {"sex: female", "sex and age: female | 18 to 24"} <= slices
    said = [one["value"] for one in model(exported())["modelCard"]["properties"]]
    assert any("The challenger scored half of the rows only." in text for text in said)
    assert not {"roc_auc_difference", "duplicate_rows"} & {one["type"] for one in metrics}
    assert "duplicate_rows: 0" in said


def test_uses_limits_risks_and_fairness_stand_in_their_fields():
    users = c.Passage("Who uses it?", "Underwriters.", key="users")
    considerations = model(exported(card(intended_use=(*card().intended_use[:1], users))))["modelCard"][
        "considerations"
    ]
    assert considerations["users"] == ["Underwriters."]
    assert any("unsecured consumer loans" in text for text in considerations["useCases"])
    assert any("six months of history" in text for text in considerations["technicalLimitations"])
    assert considerations["ethicalConsiderations"][0]["mitigationStrategy"].startswith("Manual review")
    assert considerations["fairnessAssessments"][0]["groupAtRisk"] == "age = 18 to 24"


def test_what_nobody_stated_is_absent():
    parameters = model(exported())["modelCard"]["modelParameters"]
    assert set(parameters) <= {"modelArchitecture", "datasets"}
    assert "licenses" not in model(exported())
    small = model(exported(smallest_card()))
    assert "hashes" not in small
    assert "quantitativeAnalysis" not in small.get("modelCard", {})


def test_what_was_declared_is_there():
    declared = (c.Fact("Kind", "multiclass"), c.Fact("Features", "age; income"))
    table = dataclasses.replace(card().evaluation[0], facts=declared)
    training = c.Training((c.Fact("Algorithm", "Gradient boosting"), c.Fact("Licence", "internal")))
    found = model(exported(card(evaluation=(table,), training=training)))
    assert found["modelCard"]["modelParameters"]["task"] == "classification into several classes"
    assert found["modelCard"]["modelParameters"]["modelArchitecture"] == "Gradient boosting"
    assert found["licenses"] == [{"license": {"name": "internal"}}]


def test_a_draft_says_that_it_is_one():
    said = {one["name"]: one["value"] for one in exported(smallest_card())["metadata"]["properties"]}
    assert said["model-approval-portal:status"] == "draft"
