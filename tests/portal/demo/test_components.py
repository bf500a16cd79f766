"""The demo's bill of materials says what is installed, and the portal's own check can read all of it."""

import json
from importlib.metadata import distribution

from approvals.checks._bill_reading import read_bill
from approvals.checks.base import Input
from portal.management.demo.components import bill_of_materials

BILL = bill_of_materials(name="a model", artifact_sha256="a" * 64)


def test_it_lists_the_libraries_that_load_the_artifact_as_they_are_installed():
    components = {item["name"]: item for item in json.loads(BILL)["components"]}
    assert {"skops", "scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl"} <= set(components)
    assert all(item["version"] == distribution(name).version for name, item in components.items())
    assert "pandas" not in components  # an extra of skops, which no artifact needs


def test_every_component_has_an_exact_version_a_digest_and_a_licence(tmp_path):
    path = tmp_path / "bill.json"
    path.write_bytes(BILL)
    bill = read_bill(Input("bill_of_materials", path, path.name, "0" * 64))
    assert bill.format == "CycloneDX 1.6"
    assert all(item.pinned and item.has_digest and item.licences for item in bill.components)


def test_the_same_installation_gives_the_same_bill_about_its_artifact():
    assert bill_of_materials(name="a model", artifact_sha256="a" * 64) == BILL
    subject = json.loads(BILL)["metadata"]["component"]
    assert subject["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
