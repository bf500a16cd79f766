"""Small tables for the tests of measures, and the reference cases."""

import json
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture
def reference():
    """Read an expected file, or name a data file, of the reference cases."""

    def load(name):
        path = REFERENCE / name
        return json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else path

    return load


@pytest.fixture
def write_csv(tmp_path):
    """Write rows under a header as CSV; None is an empty cell."""

    def write(columns, rows, name="table.csv"):
        lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
