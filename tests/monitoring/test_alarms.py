"""When readings become an alarm and when it ends, as pure data."""

import random
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring import alarms
from monitoring.alarms import Level, Mark, Standing, is_calm, trajectory

CALM, WARN, ALERT, CRITICAL = Level
FIRST = date(2026, 1, 1)


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


BAD = Mark(date(2026, 1, 31), ALERT, date(2026, 1, 1), rows=9_000)


def after(*calm, bad=(BAD,), **rules):
    """How it stands after a bad January and these calm windows: last day, how many days, and rows and source."""
    marks = [
        Mark(date(2026, *day), CALM, date(2026, *day) - timedelta(days=days - 1), *rest) for day, days, *rest in calm
    ]
    return trajectory([*bad, *marks], **rules)[-1].level


def test_a_calm_day_or_a_few_rows_end_no_alarm_of_a_month():
    assert after(((2, 28), 28, 9_000)) == CALM
    assert after(((2, 28), 28, 4_500)) == CALM, "half as many rows are enough"
    assert after(((2, 1), 1, 9_000)) == ALERT
    assert after(((2, 28), 28, 4_499)) == ALERT
    assert after(((2, 28), 28, None)) == ALERT, "not known is not enough"
    assert after(((3, 31), 1, 9_000)) == ALERT, "however late the day is"


def test_calm_windows_that_are_too_short_or_too_small_count_together():
    days = [((2, day), 1, 300) for day in range(1, 28)]
    assert after(*days) == ALERT
    assert after(*days, ((2, 28), 1, 300)) == CALM
    assert after(*days[1:14], ((2, 28), 15, 300)) == ALERT, "long enough, on too few rows"
    assert after(((2, 28), 28, 3_000), ((3, 31), 31, 3_000)) == CALM
    again = [((3, day), 28, 3_000) for day in range(1, 28)]
    assert after(*again) == ALERT, "windows that overlap are the same rows"
    assert after(*[((2, 28), 28, 3_000)] * 9) == ALERT, "and so is one delivered nine times"


def test_rolling_windows_count_together_as_far_as_they_do_not_overlap():
    """A week is delivered each day: four of them that do not overlap are as long as the month."""
    weeks = [((2, day), 7, 2_000) for day in range(7, 29)]
    assert after(*weeks[:-1]) == ALERT
    assert after(*weeks) == CALM
    months = [((2, 28), 28, 3_000), *(((3, day), 28, 3_000) for day in range(1, 29))]
    assert after(*months[:-1]) == ALERT, "long enough each, on too few rows"
    assert after(*months) == CALM
    four = [((2, 8), 7, 2_000), ((2, 15), 7, 2_000), ((2, 22), 7, 2_000), ((3, 1), 7, 2_000)]
    assert after(((2, 3), 3, 100), *four) == CALM, "not the first of those that overlap counts, but what makes most"


def test_what_a_source_raised_ends_with_windows_of_it_or_after_it_has_ended():
    of_a_source = (Mark(date(2026, 1, 31), ALERT, date(2026, 1, 1), 9_000, source=1),)
    february, march = ((2, 28), 28, 9_000), ((3, 31), 31, 9_000)
    assert after((*february, 2), (*march, 2), bad=of_a_source) == ALERT
    assert after((*february, None), bad=of_a_source) == ALERT
    assert after((*february, 1), bad=of_a_source) == CALM
    assert after((*february, 2), bad=(BAD,)) == CALM, "a source takes over from files"
    both = (*of_a_source, Mark(date(2026, 1, 30), ALERT, date(2026, 1, 1), 9_000, source=2))
    assert after((*february, 1), bad=both) == ALERT
    assert after((*february, 1), (*march, 2), bad=both) == CALM
    ended = (Mark(date(2026, 1, 31), ALERT, date(2026, 1, 1), 9_000, source=1, source_ended=date(2026, 3, 5)),)
    assert after((*february, 2), bad=ended) == ALERT, "its end changes nothing of the days before it"
    assert after((*february, 2), (*march, 2), bad=ended) == CALM


spans = st.tuples(
    st.integers(1, 60),  # last day
    st.sampled_from([1, 1, 2, 7, 14]),  # days
    st.sampled_from([CALM, CALM, CALM, WARN, ALERT, CRITICAL, None]),
    st.sampled_from([None, 1, 10, 20, 100]),  # rows
    st.sampled_from([None, None, 1, 2]),  # source
)


@given(st.lists(spans, max_size=14), st.integers(1, 2), st.integers(1, 3), st.sampled_from([1, 7]), st.integers(1, 80))
def test_an_alarm_ends_exactly_where_the_written_rule_says(given_spans, raised_after, clears_after, every_days, ended):
    begin = date(2026, 1, 1)
    marks = [
        Mark(begin + timedelta(day), level, begin + timedelta(day - days + 1), rows, source, closed(source, ended))
        for day, days, level, rows, source in given_spans
    ]
    rules = {"clears_after": clears_after, "every_days": every_days}
    found = trajectory(marks, after=raised_after, **rules)
    for before, now in pairwise(found):
        known = windows_known(marks, now.day)
        if before.since is None or not known or known[-1][0].day != now.day:
            assert now.level >= before.level
            continue
        ends = [lower for lower in Level if lower < before.level and may_fall(known, before.since, lower, **rules)]
        if now.level <= before.level:
            assert now.level == min(ends, default=before.level)


def closed(source, day):
    """Source 2 ends on a day."""
    return date(2026, 1, 1) + timedelta(day) if source == 2 else None


def windows_known(marks, until):
    """The windows by last day, each with all that was read of it, without calmer ones within a later, worse one."""
    days = sorted({mark.day for mark in marks if mark.level is not None and mark.day <= until})
    found = [[mark for mark in marks if mark.day == day and mark.level is not None] for day in days]
    worst = [max(of, key=lambda mark: (mark.level, mark.days)) for of in found]
    hidden = [
        any(later.start <= one.start and one.level < later.level for later in worst[place + 1 :])
        for place, one in enumerate(worst)
    ]
    return [(one, of) for one, of, is_hidden in zip(worst, found, hidden, strict=True) if not is_hidden]


def may_fall(known, since, lower, *, clears_after, every_days):
    """The rule of docs/monitors.md, word for word, by trying everything."""
    bad = [(one, of) for one, of in known if one.level > lower and one.day >= since]
    last = bad[-1][0].day
    raising = [mark for _, of in bad for mark in of if mark.level > lower]
    return all(
        calm_windows(
            known,
            [mark for mark in raising if mark.source == source],
            last,
            clears_after=clears_after,
            every=every_days,
        )
        >= clears_after
        for source in {mark.source for mark in raising}
    )


def calm_windows(known, bad, last, *, clears_after, every):
    length, rows = max(mark.days for mark in bad), max(mark.rows or 0 for mark in bad)
    source, ended = bad[0].source, bad[0].source_ended
    fitting = []
    for one, of in known:
        mine = [m for m in of if source is None or m.source == source or (ended is not None and m.day >= ended)]
        if one.day > last and mine:
            fitting.append(mine)
    counted, begun, before = 0, 0, last
    for place in range(len(fitting)):
        marks = [mark for of in fitting[begun : place + 1] for mark in of]
        day = marks[-1].day
        long_enough = 10 * most(marks, lambda mark: mark.days) >= 9 * length
        large_enough = 2 * most(marks, lambda mark: mark.rows or 0) >= rows
        apart = clears_after == 1 or 10 * (day - before).days >= 9 * every
        if long_enough and large_enough and apart:
            counted, begun, before = counted + 1, place + 1, day
    return counted


def most(marks, size):
    """The most that windows hold which do not overlap: whichever is the last of them, and what may be before it."""

    @cache
    def until(day):
        return max((size(mark) + until(mark.start) for mark in marks if mark.day < day), default=0)

    return until(date.max)


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


def by_definition(marks, *, after, clears_after, every_days):
    """The standing after each window, with everything looked at anew each time, as the words say it."""
    found: list[Standing] = []
    known: list[alarms.Said] = []
    level, since = Level.CALM, None
    for day, said in alarms.windows(marks):
        if said is not None:
            known = [*(one for one in known if one.start < said.start or one.level >= said.level), said]
            in_a_row = next((n for n, one in enumerate(reversed(known)) if not one.level), len(known))
            latest = [one.level for one in known[-after:]]
            raised = max(min(latest) if len(latest) == after else CALM, said.level if said.level == CRITICAL else CALM)
            if raised > level:
                level, since = raised, since or known[-in_a_row].day
            elif since is not None:
                rules = {"clears_after": clears_after, "every_days": every_days}
                level = next(lower for lower in Level if lower == level or has_fallen(known, lower, since, rules))
                since = since if level else None
        needs = alarms.needs_of([one for one in known if one.level and one.day >= since]) if since else ()
        in_a_row = next((n for n, one in enumerate(reversed(known)) if not one.level), len(known))
        found.append(Standing(day, level, since, in_a_row, needs))
    return tuple(found)


def has_fallen(known, lower, begun, rules):
    beyond = [one for one in known if one.level > lower and one.day >= begun]
    calm = [one for one in known if one.day > beyond[-1].day]
    return all(is_calm(calm, beyond[-1].day, need, **rules) for need in alarms.needs_of(beyond, lower))


def test_standings_are_those_of_the_definition_for_windows_of_any_kind():
    drawn = random.Random(3)
    for _ in range(400):
        marks = []
        for _ in range(drawn.randint(1, 40)):
            end, days = FIRST + timedelta(days=drawn.randint(0, 90)), drawn.choice([1, 1, 1, 2, 7, 28, 60])
            level = drawn.choices([*Level, None], drawn.choice([(6, 1, 1, 0.3, 1), (20, 1, 1, 0, 1), (3, 3, 3, 1, 0)]))[
                0
            ]
            start, rows = end - timedelta(days=days - 1), drawn.choice([None, 10, 20, 30])
            source = drawn.choice([None, 1, 2])
            marks.append(Mark(end, level, start, rows, source, FIRST + timedelta(days=60) if source == 2 else None))
        rules = {"after": drawn.choice([1, 2, 3]), "clears_after": drawn.choice([1, 2, 3])}
        rules["every_days"] = drawn.choice([1, 7, 31])
        assert trajectory(marks, **rules) == by_definition(marks, **rules)


class CountedDay(date):
    """A day that counts how often days are compared."""

    compared = 0

    def __lt__(self, other):
        CountedDay.compared += 1
        return super().__lt__(other)

    def __gt__(self, other):
        CountedDay.compared += 1
        return super().__gt__(other)

    def __ge__(self, other):
        CountedDay.compared += 1
        return super().__ge__(other)


@pytest.mark.parametrize("pattern", [[ALERT], [WARN, CALM]])
def test_an_alarm_of_twice_as_many_windows_costs_twice_as_much(pattern):
    prices = []
    for count in (200, 400):
        levels = [ALERT, *(pattern * count)[:count]]
        days = [CountedDay(2026, 1, 1) + timedelta(days=number) for number in range(len(levels))]
        CountedDay.compared = 0
        found = trajectory(
            [Mark(day, level, day) for day, level in zip(days, levels, strict=True)], clears_after=500, every_days=1
        )
        assert (found[-1].level, found[-1].since) == (ALERT, days[0])
        prices.append(CountedDay.compared)
    assert 0 < prices[1] < 2.5 * prices[0]
