"""Everybody and the version that `opened` gives, for files of tests that all begin with it."""

import pytest


@pytest.fixture
def cast(opened):
    """Everybody."""
    return opened[0]


@pytest.fixture
def version(opened):
    """The deployed version."""
    return opened[1]
