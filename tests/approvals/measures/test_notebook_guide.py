"""What docs/command-line.md shows for notebooks runs as it stands there, in a Python without settings or database."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SETTINGS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PORTAL_VAR")


def test_the_example_for_notebooks_measures_what_the_commands_measure(reference, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "command-line.md").read_text("utf-8"), re.DOTALL)
    for name in ("evaluation.csv", "october.csv"):
        shutil.copy(reference("p02_german_credit.csv"), tmp_path / name)
    told = {name: value for name, value in os.environ.items() if name not in SETTINGS} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env=told, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    expected = reference("p02_german_credit.expected.json")["expected"]
    f1, ratio = expected["performance"]["f1"], expected["fairness_sex"]["demographic_parity_ratio"]
    found = [float(part) for part in first.split()]
    assert [round(one, 9) for one in found] == [round(one, 9) for one in (f1, ratio, 0.0, 1000)]
    assert second.startswith("0.78621904761904")
    assert "DeLong" in second
