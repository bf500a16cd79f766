"""Readings say on how many rows they rest. Earlier ones are told by the largest `n` of their measures."""

from typing import Any

from django.db import migrations, models

NOT_OF_ROWS = ("volume",)
OF_COVERAGE = "share of rows with an outcome"


def rows_of(measures: list[dict[str, Any]]) -> int | None:
    """Measures of drift are about the rows of two tables together; those of the batch are counted beside them."""
    current = [dict(one.get("counts") or ()).get("n_current") for one in measures]
    found = [one.get("n") for one in measures if one.get("name") != OF_COVERAGE]
    return max((rows for rows in current if rows), default=None) or max((rows for rows in found if rows), default=None)


def tell_rows(apps: Any, schema_editor: Any) -> None:
    readings = apps.get_model("monitoring", "Reading").objects
    rows = readings.filter(level__isnull=False, batch__isnull=False).exclude(monitor__key__in=NOT_OF_ROWS)
    for pk, measures in rows.values_list("pk", "numbers__measures").iterator(chunk_size=200):
        readings.filter(pk=pk).update(rows=rows_of(measures or []))


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0013_tries")]

    operations = [
        migrations.AddField(
            model_name="reading",
            name="rows",
            field=models.BigIntegerField(
                blank=True,
                help_text="On which the judged measures rest; empty where rows are no sample.",
                null=True,
            ),
        ),
        migrations.RunPython(tell_rows, migrations.RunPython.noop),
    ]
