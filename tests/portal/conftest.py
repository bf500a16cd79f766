"""Fixtures of the ground floor's tests."""

import pytest

from portal.keys import ensure_keys


@pytest.fixture
def own_var(settings, tmp_path):
    """A private folder with a key of its own."""
    settings.VAR = tmp_path / "var"
    ensure_keys(settings.VAR)
    return settings.VAR
