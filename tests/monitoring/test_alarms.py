"""When readings become an alarm and when it ends, as pure data."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from monitoring.alarms import Level, Mark, trajectory

CALM, WARN, ALERT, CRITICAL = Level


def levels(*given, **rules):
    marks = [Mark(date(2026, 1, 1 + place), level) for place, level in enumerate(given)]
    return [one.level for one in trajectory(marks, **rules)]


def test_one_reading_raises_and_one_calm_reading_ends_unless_the_policy_says_otherwise():
    assert levels(CALM, ALERT, CALM) == [CALM, ALERT, CALM]


def test_a_single_outlier_raises_nothing_where_two_in_a_row_are_asked():
    assert levels(ALERT, CALM, ALERT, ALERT, after=2) == [CALM, CALM, CALM, ALERT]


def test_the_lower_of_two_in_a_row_is_raised():
    assert levels(WARN, ALERT, ALERT, after=2) == [CALM, WARN, ALERT]


def test_critical_is_raised_at_once():
    assert levels(CRITICAL, after=3) == [CRITICAL]


def test_an_alarm_ends_only_after_as_many_calm_readings_as_are_asked():
    assert levels(ALERT, CALM, WARN, CALM, CALM, clears_after=2) == [ALERT, ALERT, WARN, WARN, CALM]


def test_what_says_nothing_neither_raises_nor_ends():
    assert levels(ALERT, None, None, CALM) == [ALERT, ALERT, ALERT, CALM]
    assert levels(ALERT, None, ALERT, after=2) == [CALM, CALM, ALERT]


def test_windows_count_in_their_order_and_not_in_that_of_their_arrival():
    marks = [Mark(date(2026, 3, 31), ALERT), Mark(date(2026, 1, 31), CALM), Mark(date(2026, 2, 28), ALERT)]
    last = trajectory(marks, after=2)[-1]
    assert (last.level, last.since, last.in_a_row) == (ALERT, date(2026, 2, 28), 2)


def told(*given, **rules):
    found = trajectory(
        [Mark(date.fromisoformat(day), level, date.fromisoformat(start)) for start, day, level in given], **rules
    )
    return found[-1].level


def test_a_calm_piece_of_a_bad_month_does_not_part_it_from_the_one_before():
    january, piece = ("2026-01-01", "2026-01-31", ALERT), ("2026-02-10", "2026-02-10", CALM)
    february = ("2026-02-01", "2026-02-28", ALERT)
    assert told(january, piece, after=2) == CALM
    assert told(january, piece, february, after=2) == ALERT
    assert told(january, ("2026-01-25", "2026-02-10", CALM), february, after=2) == CALM, "that is a window of its own"
    year_to_date = [("2026-01-01", f"2026-0{month}-28", ALERT) for month in (1, 2)]
    assert told(*year_to_date, after=2) == ALERT


def test_calm_days_are_not_calm_months():
    rules = {"clears_after": 2, "every_days": 31}
    bad = ("2026-01-01", "2026-01-31", ALERT)
    days = [(f"2026-02-{day:02d}", f"2026-02-{day:02d}", CALM) for day in range(1, 28)]
    assert told(bad, *days, **rules) == ALERT
    months = [("2026-02-01", "2026-02-28", CALM), ("2026-03-01", "2026-03-31", CALM)]
    assert told(bad, months[0], **rules) == ALERT
    assert told(bad, *months, **rules) == CALM
    assert told(bad, ("2026-02-01", "2026-02-01", CALM), clears_after=1, every_days=31) == CALM


marks = st.lists(st.sampled_from([*Level, None]), max_size=24)
counts = st.integers(1, 5)


@given(marks, counts, counts)
def test_nothing_is_raised_that_no_reading_reached_and_no_critical_one_is_missed(given_levels, after, clears_after):
    found = levels(*given_levels, after=after, clears_after=clears_after)
    said = [level for level in given_levels if level is not None]
    assert max(found, default=CALM) <= max(said, default=CALM)
    assert all(one == CRITICAL for one, level in zip(found, given_levels, strict=True) if level == CRITICAL)


@given(marks, counts, counts)
def test_an_alarm_never_ends_on_a_reading_beyond_it_or_without_one(given_levels, after, clears_after):
    found = [CALM, *levels(*given_levels, after=after, clears_after=clears_after)]
    for before, now, level in zip(found, found[1:], given_levels, strict=False):
        if now < before:
            assert level is not None
            assert level < before
