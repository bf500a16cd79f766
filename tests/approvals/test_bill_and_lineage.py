"""A gate that asks for licences and lineage: from the policy's words over the upload to the verdict and its page."""

import json
import re
from pathlib import Path

import pytest
from django.urls import reverse

from approvals import checking, running
from portal.errors import DomainError

SHOWN = (Path(__file__).parents[2] / "docs" / "data_lineage.md").read_text("utf-8")
LINEAGE = re.search(r"```json\n(.*?)```", SHOWN, re.DOTALL).group(1).encode()
LICENCES = {"allowed_licences": ["MIT", "BSD-3-Clause"], "banned_components": ["pyyaml<5.4"]}
NUMPY = {"name": "numpy", "version": "2.1.0", "licenses": [{"expression": "BSD-3-Clause OR GPL-2.0-only"}]}
DIGEST = {"hashes": [{"alg": "SHA-512", "content": "ab" * 64}]}


def gates(licences):
    checks = [{"check": "dependency_licences", "parameters": licences}, {"check": "lineage_completeness"}]
    return {"development": [{"checks": check} for check in checks]}


def bill(*components):
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": list(components)}).encode()


@pytest.fixture
def run(cast):
    """Run a check on what is attached now."""

    def finished(version, key):
        row = checking.request_check(version_id=version.pk, check_key=key, actor=cast.submitter)
        assert running.execute(row.pk)
        row.refresh_from_db()
        return row

    return finished


def test_a_bill_and_a_lineage_are_judged_and_shown(cast, run, client):
    cast.publish(gates(LICENCES))
    version = cast.version()
    cast.attach(version, "bill_of_materials", bill(NUMPY), "bom.json")
    cast.attach(version, "data_lineage", LINEAGE, "lineage.json")
    failed = run(version, "dependency_licences")
    assert (failed.verdict, failed.sentences[0]) == (
        "failed",
        "Components without a digest: 1; at most 0 are allowed.",
    )
    cast.attach(version, "bill_of_materials", bill(NUMPY | DIGEST), "bom.json")
    assert run(version, "dependency_licences").verdict == "passed"
    passed = run(version, "lineage_completeness")
    assert passed.verdict == "passed"
    client.force_login(cast.submitter)
    page = client.get(reverse("admin:approvals_checkrun_change", args=[passed.pk]))
    assert page.status_code == 200
    assert "Steps in their order" in page.content.decode()


def test_a_policy_that_bans_nothing_by_its_words_is_refused_where_it_is_written(cast):
    with pytest.raises(DomainError, match="“<2” bans no component"):
        cast.publish(gates(LICENCES | {"banned_components": ["<2"]}))
