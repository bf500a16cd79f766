"""Binomial counts of few rows, drawn by looking a uniform number up in the table of their law. Judges nothing.

Where many counts of one law are drawn, this takes a fifth of the time of drawing each by itself. The law is that of
the table, which is right to about 1e-14.
"""

from __future__ import annotations

import numpy as np

from approvals.measures.scores import Floats, Integers

MOST_ROWS = 1024
"""Beyond so many rows tables are larger than what they save."""
_MOST_ENTRIES = 12_000
_PLACES, _FEW_PLACES = 512, 64


def draw(stream: np.random.Generator, rows: Integers, share: Floats, draws: int) -> Integers:
    """Binomial counts [laws, draws], each of a law of its own number of rows, 1 or more, and share."""
    if rows.max() > MOST_ROWS:
        return stream.binomial(rows[:, None], share[:, None], size=(rows.size, draws))
    turned = share > 0.5
    table = _cdf(rows, np.where(turned, 1.0 - share, share), int(rows.max()) + 1)
    law = np.broadcast_to(np.arange(rows.size)[:, None], (rows.size, draws))
    found = _looked_up(table, law, stream.random((rows.size, draws)), _PLACES)
    return np.where(turned[:, None], rows[:, None] - found, found) if turned.any() else found


def draw_of(stream: np.random.Generator, rows: Integers, share: Floats) -> Integers:
    """One binomial count of each of `rows` [laws, draws]; every law has a share of its own."""
    least = rows.min(axis=1)
    steps, width = int((rows.max(axis=1) - least).max()) + 1, int(rows.max()) + 1
    if steps * width > _MOST_ENTRIES:
        return stream.binomial(rows, share[:, None])
    turned = share > 0.5
    rare = np.where(turned, 1.0 - share, share)[:, None]
    table = np.empty((len(rows), steps, width))
    table[:, 0] = _cdf(least, rare[:, 0], width)
    for step in range(1, steps):  # of one row more: either it does not count, or it does
        before, after = table[:, step - 1], table[:, step]
        np.multiply(before, 1.0 - rare, out=after)
        after[:, 1:] += rare * before[:, :-1]
    table[:, :, -1] = 1.0
    law = rows + (np.arange(len(rows)) * steps - least)[:, None]
    found = np.minimum(_looked_up(table.reshape(-1, width), law, stream.random(rows.shape), _FEW_PLACES), rows)
    return np.where(turned[:, None], rows - found, found) if turned.any() else found


def _looked_up(table: Floats, law: Integers, uniform: Floats, places: int) -> Integers:
    """How many entries of the line `law` of the table are at most the uniform number, which is below the last, 1."""
    lines, width = table.shape
    place = np.ceil(table * places).astype(np.int64)
    place += np.arange(lines)[:, None] * (places + 1)
    start = np.bincount(place.ravel(), minlength=lines * (places + 1)).reshape(lines, places + 1).cumsum(axis=1)
    found = (uniform * places).astype(np.int64)
    found += law * (places + 1)
    found = start.ravel()[found]
    entries, at = table.ravel(), law * width
    more = entries[found + at] <= uniform
    found += more
    left = np.flatnonzero(more)
    flat, at, uniform = found.reshape(-1), at.ravel(), uniform.ravel()
    while left.size:
        left = left[entries[flat[left] + at[left]] <= uniform[left]]
        flat[left] += 1
    return found


def _cdf(rows: Integers, share: Floats, width: int) -> Floats:
    """P(K <= k) for k from 0 to width - 1, from the most likely count outwards; the share is at most one half."""
    k = np.arange(1, width, dtype=np.float64)
    n, odds = rows[:, None].astype(np.float64), (share / (1.0 - share))[:, None]
    mode = np.floor((n + 1.0) * share[:, None])
    ratio = np.maximum(n - k + 1.0, 0.0) * odds / k
    likely = np.ones((rows.size, width))
    np.cumprod(np.where(k > mode, ratio, 1.0), axis=1, out=likely[:, 1:])
    with np.errstate(divide="ignore"):
        down = np.where(k <= mode, 1.0 / ratio, 1.0)
    likely[:, :-1] *= np.cumprod(down[:, ::-1], axis=1)[:, ::-1]
    np.cumsum(likely, axis=1, out=likely)
    return likely / likely[:, -1:]
