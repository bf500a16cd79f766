"""A table of applicants to measure: made the same way every time, at any size."""

from __future__ import annotations

from pathlib import Path

LEVELS = {"sex": 3, "race": 5, "age_band": 6, "region": 12, "purpose": 40}
"""Different values of the columns that make groups."""


def make_table(path: Path, rows: int, *, shifted: bool) -> None:
    """Twelve columns of applicants: skewed groups, scores that go with labels, some amounts missing."""
    import duckdb  # noqa: PLC0415

    seed, shift = (2, 0.15) if shifted else (1, 0.0)
    connection = duckdb.connect(config={"threads": "2"})
    connection.execute("SET enable_progress_bar=false")
    connection.execute(f"SELECT setseed({seed / 10})")
    connection.execute(
        f"""
        COPY (
          SELECT i AS id,
            CASE WHEN u1 < 0.48 THEN 'f' WHEN u1 < 0.97 THEN 'm' ELSE 'x' END AS sex,
            ['a', 'b', 'c', 'd', 'e'][1 + CAST(floor(5 * u2 * u2) AS INT)] AS race,
            'age' || CAST(floor(6 * u3) AS INT) AS age_band,
            'region' || CAST(floor(12 * u4) AS INT) AS region,
            CAST(u5 < 0.3 + 0.4 * s AS TINYINT) AS label,
            CAST(s > 0.5 AS TINYINT) AS prediction,
            s AS score,
            CASE WHEN u2 < 0.02 THEN NULL ELSE exp(6 + 2 * u6 + {shift}) END AS amount,
            20000 + 90000 * u1 * u6 + {shift * 1000} AS income,
            floor(40 * u3 * u5) AS tenure,
            'purpose' || CAST(floor(40 * u6) AS INT) AS purpose
          FROM (SELECT i, random() u1, random() u2, random() u3, random() u4, random() u5, random() u6,
                  least(1, greatest(0, 0.5 + 0.35 * (random() + random() - 1) + {shift})) s
                FROM range({rows}) r(i))
        ) TO '{path}' (FORMAT parquet)
        """
    )
