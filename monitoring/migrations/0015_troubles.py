"""Why a reading gave no answer is one of several troubles; an error of an earlier release is tried again by people."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q


def name_troubles(apps: Any, schema_editor: Any) -> None:
    apps.get_model("monitoring", "Reading").objects.filter(unreachable=True).update(trouble="unreachable")


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0014_rows_of_readings")]

    operations = [
        migrations.AddField(
            model_name="reading",
            name="trouble",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unreachable", "A connection did not answer"),
                    ("denied", "A connection refused the account"),
                    ("failed", "An error"),
                ],
                help_text="Why it gave no answer, where that may pass.",
                max_length=20,
                default="",
            ),
            preserve_default=False,
        ),
        migrations.RunPython(name_troubles, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="reading", name="readings_to_try_again"),
        migrations.RemoveField(model_name="reading", name="unreachable"),
        migrations.AlterField(
            model_name="reading",
            name="retry",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Which time the same state of the outcomes is read again, as there was no answer.",
            ),
        ),
        migrations.AddIndex(
            model_name="reading",
            index=models.Index(
                condition=Q(("trouble", ""), _negated=True), fields=["finished_at"], name="readings_to_try_again"
            ),
        ),
    ]
