"""How often Python looks for garbage is as before when measuring is over, however it ends."""

import gc

import pytest

from approvals.measures.garbage import collected_seldom


def failing():
    with collected_seldom():
        with collected_seldom():
            pass
        raise RuntimeError(gc.get_threshold()[0])


def test_the_setting_comes_back_after_the_last_user_and_after_a_failure():
    before = gc.get_threshold()
    with pytest.raises(RuntimeError) as raised:
        failing()
    assert raised.value.args[0] > before[0]
    assert gc.get_threshold() == before
