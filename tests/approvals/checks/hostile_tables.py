"""Tables made to exhaust or to mislead whoever opens them, written small: holes of a file cost no room on the disk."""

import gzip
import io
import struct
import zipfile

import duckdb

GIGABYTE = 1_000_000_000
ROWS = b"".join(b"%d,%d,%d\n" % (row, row % 2, row % 2) for row in range(1_000))
PLAIN = b"id,y,p\n" + ROWS


def many_columns(path):
    """10^5 columns in one line."""
    names = [b"id", b"y", b"p", *(b"c%d" % place for place in range(100_000))]
    path.write_bytes(b",".join(names) + b"\n" + b",".join([b"1"] * len(names)) + b"\n")


def long_first_line(path):
    """A first line of a gigabyte, which names no column."""
    hole(path, b"x" * 5_000)


def long_line(path):
    """A good beginning, and then a line of a gigabyte."""
    hole(path, PLAIN)


def hole(path, beginning):
    """So much text and then nothing but a hole: a gigabyte that is nowhere."""
    with path.open("wb") as target:
        target.write(beginning)
        target.truncate(GIGABYTE)


def zip_bomb(path):
    """Half a gigabyte of zeros in an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("t.csv", "w") as member:
        for _ in range(512):
            member.write(bytes(1 << 20))


def gzip_bomb(path):
    """A table that unpacks to a thousand times its size."""
    with gzip.open(path, "wb", compresslevel=1) as target:
        target.write(PLAIN)
        for _ in range(110):
            target.write(b"1,1,1\n" * 170_000)


def gzip_twice(path):
    """A table packed twice."""
    path.write_bytes(gzip.compress(gzip.compress(PLAIN)))


def parquet(path, select, options=""):
    """A Parquet file of what a query gives."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet{options})")


def parquet_of_many_columns(path):
    """More columns than any table of people's work has."""
    columns = ", ".join(f"1 AS c{place}" for place in range(3_000))
    parquet(path, f"SELECT 1 AS id, 1 AS y, 1 AS p, {columns}")


def parquet_bomb(path):
    """A hundred million rows in a few kilobytes: one value, one row group."""
    rows = 100_000_000
    parquet(path, f"SELECT true AS y, true AS p FROM range({rows})", f", ROW_GROUP_SIZE {rows}")


def parquet_of_small_groups(path):
    """As many row groups as there are pairs of thousands of rows."""
    parquet(path, "SELECT i AS id, i % 2 AS y, i % 2 AS p FROM range(400_000) r(i)", ", ROW_GROUP_SIZE 2048")


def parquet_with_a_long_footer(path):
    """A footer that says it is two gigabytes long."""
    parquet(path, "SELECT 1 AS id, 1 AS y, 1 AS p")
    content = path.read_bytes()
    path.write_bytes(content[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1")


def parquet_without_an_end(path):
    """A file that stops in the middle."""
    parquet(path, "SELECT i AS id, i % 2 AS y, i % 2 AS p FROM range(5000) r(i)")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def parquet_of_lists(path):
    """Labels that are lists, and predictions that are structures."""
    parquet(path, "SELECT i AS id, [i] AS y, {'a': i} AS p FROM range(50) r(i)")


def parquet_of_bytes(path):
    """Labels that are bytes, and predictions that are spans of time."""
    parquet(path, "SELECT i AS id, 'x'::BLOB AS y, to_days(i::INT) AS p FROM range(50) r(i)")


def workbook(path):
    """A workbook with the name of a table."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    path.write_bytes(target.getvalue())


def changed_byte(path, place):
    """A Parquet file in whose footer one byte is another one."""
    parquet(path, "SELECT i AS id, i % 2 AS y, i % 2 AS p FROM range(3000) r(i)")
    content = bytearray(path.read_bytes())
    content[-9 - place] ^= 0xFF
    path.write_bytes(bytes(content))
