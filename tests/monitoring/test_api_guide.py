"""What docs/api.md tells people to type does what it says, against a portal that answers over the network."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from monitoring.models import Batch, OutcomeDelivery
from portal import access_tokens
from tests.monitoring.deliveries import WAITING, as_csv, rows_of, unlabelled

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return found


@pytest.mark.timeout(300)
def test_the_examples_of_the_guide_deliver_and_read(live_server, cast, deploy, tmp_path):
    version, rows = deploy(WAITING), rows_of("a")
    (tmp_path / "september.csv").write_bytes(unlabelled(rows))
    (tmp_path / "outcomes.csv").write_bytes(as_csv(rows, "id", "y_true"))
    _, secret = access_tokens.issue(
        owner=cast.submitter,
        name="Guide",
        acts=["read", "deliver"],
        model_ids=[],
        expires_at=timezone.now() + timedelta(days=1),
    )
    told = {"PORTAL_URL": live_server.url, "TOKEN": secret, "VERSION": str(version.pk), "PATH": os.environ["PATH"]}

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert '"name": "September"' in run("bash", "-euc", block("bash"))
    assert (Batch.objects.count(), OutcomeDelivery.objects.count()) == (1, 1)
    said = run(sys.executable, "-c", block("python"))
    assert said.startswith(f"batch {Batch.objects.get().pk} known")
    assert "performance queued" in said
