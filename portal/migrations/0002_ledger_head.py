"""The empty ledger: its one head row. Going back leaves the row, as the table goes with 0001."""

import hashlib

from django.db import migrations


def make_head(apps, schema_editor):
    head = apps.get_model("portal", "LedgerHead")
    if not head.objects.using(schema_editor.connection.alias).filter(pk=1).exists():
        head.objects.using(schema_editor.connection.alias).create(
            pk=1, size=0, peaks=b"", root=hashlib.sha256(b"").digest()
        )


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [migrations.RunPython(make_head, migrations.RunPython.noop)]
