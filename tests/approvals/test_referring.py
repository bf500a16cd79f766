"""Tables that are referred to: the wrong person first, then what is not there, then a run that verifies."""

import io
import json
import os

import duckdb
import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from approvals import checking, evidence, listing, referring, running
from approvals.models import CheckRun, Evidence
from approvals.models.checks import Verdict
from approvals.referring import check_folders
from portal.errors import BadInput, NotPermitted
from portal.models import LedgerEntry
from portal.table_places import TablePlace, table_places, why_not_a_folder
from tests.cast import TABLE, tiny_table

GATES = {"validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]}
FOLDER = "folder"


@pytest.fixture
def lake(tmp_path, settings):
    """A named folder with a table in two files, beside a secret."""
    root = tmp_path / "lake"
    header, *lines = tiny_table(200).decode().splitlines()
    for year, part in (("2025", lines[:100]), ("2026", lines[100:])):
        (root / year).mkdir(parents=True)
        (root / year / "part.csv").write_text("\n".join([header, *part]) + "\n")
    (root / "2026" / "notes.md").write_text("no table")
    (tmp_path / "secret.csv").write_text("key\n1\n")
    settings.TABLE_FOLDERS = {"lake": TablePlace(str(root))}
    settings.TABLE_CONNECTIONS = {"warehouse": TablePlace("postgresql://reader:topsecret@127.0.0.1:1/db")}
    return root


@pytest.fixture
def version(cast, lake):
    cast.publish(GATES)
    version = cast.version()
    cast.artifact(version)
    return version


@pytest.fixture
def refer(cast, version):
    def attach(table="**", by=None, place="lake", what=FOLDER, **declared):
        return evidence.attach_reference(
            version_id=version.pk,
            actor=by or cast.submitter,
            kind="evaluation_table",
            asked=listing.Asked(what, place, table),
            details=declared or TABLE,
        )

    return attach


@pytest.fixture
def upload(cast, version):
    def attach(content, by=None):
        return evidence.attach(
            version_id=version.pk,
            actor=by or cast.submitter,
            kind="evaluation_table",
            stream=io.BytesIO(json.dumps(content).encode()),
            name="reference.json",
            details=TABLE,
        )

    return attach


def run(cast, version):
    asked = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    assert running.execute(asked.pk)
    return CheckRun.objects.get(pk=asked.pk)


def refused(version):
    return LedgerEntry.objects.filter(event="approvals.act.refused").count()


class TestWhoMay:
    def test_who_does_not_submit_refers_to_nothing(self, cast, refer):
        for user in (cast.outsider, cast.auditor, cast.superuser):
            with pytest.raises(NotPermitted, match="Only a submitter"):
                refer(by=user)
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3
        assert not Evidence.objects.filter(kind="evaluation_table").exists()

    def test_a_name_for_others_and_a_name_that_does_not_exist_are_told_alike(self, cast, refer, upload, lake, settings):
        settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), groups=("lake readers",))}
        sentences = set()
        for place in ("lake", "pond"):
            with pytest.raises(NotPermitted) as caught:
                refer(place=place)
            sentences.add(caught.value.sentence.replace(place, "…"))
        assert sentences == {"There is no folder “…” that you may refer to for this model."}
        files = [{"path": "2026/part.csv", "sha256": "a" * 64, "size": 1}]
        with pytest.raises(NotPermitted):
            upload({"table_reference": 1, "folder": "lake", "files": files})
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 3
        cast.submitter.groups.add(Group.objects.create(name="lake readers"))
        assert refer().kind == "evaluation_table"

    def test_a_superuser_needs_the_group_too(self, cast, version, lake, settings):
        settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), groups=("lake readers",))}
        assert referring.places_for(cast.superuser, version.model) == {"folder": [], "connection": ["warehouse"]}

    def test_a_name_may_be_for_some_models_only_at_every_run_too(self, cast, version, refer, lake, settings):
        settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), models=("Another model",))}
        with pytest.raises(NotPermitted):
            refer()
        settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), models=(version.model.name,))}
        refer()
        settings.TABLE_FOLDERS = {"lake": TablePlace(str(lake), models=("Another model",))}
        row = run(cast, version)
        assert (row.verdict, "does not reach for this model" in row.sentences[0]) == (Verdict.NOT_COMPUTABLE, True)

    def test_only_tables_are_referred_to(self, cast, version):
        with pytest.raises(BadInput, match="Only tables"):
            evidence.attach_reference(
                version_id=version.pk,
                actor=cast.submitter,
                kind="risk_register",
                asked=listing.Asked(FOLDER, "lake", "2026"),
            )
        # A reference is a reference only where a table is asked for.
        with pytest.raises(BadInput, match="does not state"):
            cast.attach(version, "risk_register", b'{"table_reference": 1, "folder": "lake", "files": []}', "r.json")


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        ("table", "why"),
        [
            ("2027", "no CSV or Parquet file"),
            ("2026/notes.md", "no CSV or Parquet file"),
            ("../secret.csv", "“.” or “..”"),
            ("2026/../../secret.csv", "“.” or “..”"),
            ("link.csv", "links are not followed"),
            ("linked/secret.csv", "no CSV or Parquet file"),
            ("pipe.csv", "no plain file"),
            ("", "empty"),
            ("file:///etc/passwd", "not a path below the folder"),
        ],
    )
    def test_what_no_folder_has_is_named(self, refer, lake, tmp_path, table, why):
        (lake / "link.csv").symlink_to(tmp_path / "secret.csv")
        (lake / "linked").symlink_to(tmp_path)
        os.mkfifo(lake / "pipe.csv")
        with pytest.raises(BadInput, match=why):
            refer(table)
        assert not Evidence.objects.filter(kind="evaluation_table").exists()

    @pytest.mark.parametrize("path", ["link.csv", "linked/secret.csv", "pipe.csv", "proc.csv", "2027/part.csv"])
    def test_a_document_made_by_hand_leads_nowhere_else(self, upload, lake, tmp_path, path):
        (lake / "link.csv").symlink_to(tmp_path / "secret.csv")
        (lake / "linked").symlink_to(tmp_path)
        (lake / "proc.csv").symlink_to("/proc/self/environ")
        os.mkfifo(lake / "pipe.csv")
        files = [{"path": path, "sha256": "a" * 64, "size": 6}]
        with pytest.raises(BadInput, match=r"plain file|cannot be read|is gone"):
            upload({"table_reference": 1, "folder": "lake", "files": files})

    def test_a_declared_column_must_be_there(self, refer):
        with pytest.raises(BadInput, match="no column nowhere"):
            refer(label="y_true", prediction="nowhere")

    def test_a_connection_that_does_not_answer_says_nothing_about_itself(self, upload, refer):
        relation = {"connection": "warehouse", "relation": "public.scores", "rows": 1}
        document = {"table_reference": 1, **relation, "fingerprint": "postgresql-1:" + "a" * 64}
        for act in (lambda: upload(document), lambda: refer("public.scores", place="warehouse", what="connection")):
            with pytest.raises(BadInput) as caught:
                act()
            assert "“warehouse” does not answer" in caught.value.sentence
            assert not any(word in caught.value.sentence for word in ("topsecret", "127.0.0.1", "reader"))

    @pytest.mark.parametrize("name", ["postgresql://evil/db", "file:///etc", "WAREHOUSE", "../warehouse"])
    def test_only_names_of_the_administrator_are_connections(self, upload, name):
        relation = {"connection": name, "relation": "a.b", "rows": 1, "fingerprint": "postgresql-1:" + "a" * 64}
        with pytest.raises(NotPermitted, match="There is no connection"):
            upload({"table_reference": 1, **relation})

    def test_more_than_a_page_can_wait_for_is_left_to_the_command(self, cast, version):
        with pytest.raises(BadInput, match=r"ask an administrator to run “manage.py refer lake 2026”"):
            evidence.attach_reference(
                version_id=version.pk,
                actor=cast.submitter,
                kind="evaluation_table",
                asked=listing.Asked(FOLDER, "lake", "2026"),
                limits=listing.Allowance(most_bytes=10, seconds=20),
            )


class TestRuns:
    def test_a_referred_table_gives_the_numbers_of_the_uploaded_one(self, cast, version, refer):
        row = refer("**/*.csv")
        assert row.media_type == "application/vnd.table-reference+json"
        assert [file["path"] for file in json.loads(row.file.path.read_bytes())["files"]] == [
            "2025/part.csv",
            "2026/part.csv",
        ]
        referred = run(cast, version)
        cast.attach(version, "evaluation_table", tiny_table(200), "evaluation.csv", **TABLE)
        uploaded = run(cast, version)
        assert referred.verdict == uploaded.verdict == Verdict.PASSED, referred.sentences
        assert referred.reading["measures"] == uploaded.reading["measures"]
        said = referred.reading["looked_at"][-1]
        assert "is referred to, not uploaded: 2 files of the folder “lake”" in said
        assert "compared with its SHA-256 before" in said
        assert referred.inputs_digest != uploaded.inputs_digest

    def test_folders_of_parquet_files_may_hold_values(self, cast, version, refer, lake):
        for year in ("2025", "2026"):
            (lake / "parquet" / f"year={year}").mkdir(parents=True)
            rows = f"SELECT * FROM read_csv('{lake}/{year}/part.csv')"
            duckdb.sql(f"COPY ({rows}) TO '{lake}/parquet/year={year}/part.parquet'")
        with pytest.raises(BadInput, match="no column month"):
            refer("parquet", **{**TABLE, "groups": ["month"]})
        refer("parquet/**/*.parquet", **{**TABLE, "groups": ["sex", "year"]})
        row = run(cast, version)
        assert row.verdict == Verdict.PASSED, row.sentences

    def test_a_file_that_changed_is_not_measured(self, cast, version, refer, lake):
        refer()
        part = lake / "2026" / "part.csv"
        part.write_text(part.read_text().replace(",1\n", ",0\n", 1))
        row = run(cast, version)
        assert row.verdict == Verdict.NOT_COMPUTABLE
        assert "The file “2026/part.csv” of the folder “lake” has changed since it was attached on" in row.sentences[0]
        assert not row.reading
        part.unlink()
        row = run(cast, version)
        assert "is gone" in row.sentences[0]
        assert str(lake) not in json.dumps([row.sentences, row.log])

    def test_a_place_that_is_not_named_any_more_is_not_reached(self, cast, version, refer, settings):
        refer()
        settings.TABLE_FOLDERS = {}
        row = run(cast, version)
        assert (row.verdict, "tell an administrator" in row.sentences[0]) == (Verdict.NOT_COMPUTABLE, True)

    def test_a_download_is_the_reference(self, cast, version, refer):
        row = refer("2026")
        assert row.name == "lake 2026.reference.json"
        with evidence.opened(evidence_id=row.pk, actor=cast.auditor) as found:
            assert json.load(found)["folder"] == "lake"


class TestSettings:
    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "{",
            '{"lake": 3}',
            '{"lake": {}}',
            '{"lake": {"path": "/a", "roots": []}}',
            '{"lake": {"path": "/a", "groups": "x"}}',
            '{"lake": {"path": "/a", "groups": []}}',
            '{"lake": {"path": "/a", "system_tables": "yes"}}',
            '{"../lake": "/a"}',
            '{"": "/a"}',
        ],
    )
    def test_what_is_no_list_of_places_is_refused_without_quoting_it(self, text):
        with pytest.raises(ImproperlyConfigured, match="PORTAL_TABLE_FOLDERS must be JSON") as caught:
            table_places(text, variable="PORTAL_TABLE_FOLDERS", target="path")
        assert '"/a"' not in str(caught.value)

    @pytest.mark.parametrize("url", ["host/db", "postgresql://[::1/db", "postgresql://h:port/db", ""])
    def test_a_connection_is_a_url(self, url):
        with pytest.raises(ImproperlyConfigured, match="is no URL"):
            table_places(json.dumps({"a": url}), variable="PORTAL_TABLE_CONNECTIONS", target="url")

    def test_a_plain_url_and_an_object_are_both_connections(self):
        text = '{"a": "postgresql://x:secret@h/d", "b": {"url": "spark://h", "groups": ["g"], "models": ["m"]}}'
        found = table_places(text, variable="PORTAL_TABLE_CONNECTIONS", target="url")
        assert found["a"].target == "postgresql://x:secret@h/d"
        assert (found["b"].groups, found["b"].models) == (("g",), ("m",))
        assert "secret" not in repr(found)

    def test_folders_with_secrets_in_them_are_never_used(self, tmp_path, lake, version, cast, settings):
        (tmp_path / "link").symlink_to("/proc")
        var = tmp_path / "var"
        for path in ("relative", "/", "/proc", "/etc/ssl", str(tmp_path / "link"), str(tmp_path), str(var / "uploads")):
            assert why_not_a_folder(TablePlace(path), away_from=(var,))
            settings.TABLE_FOLDERS = {"lake": TablePlace(path)}
            settings.VAR = var
            assert referring.places_for(cast.submitter, version.model)["folder"] == []
            (problem,) = check_folders()
            assert problem.id == "approvals.E020"
            assert path == "/" or path not in problem.msg
        assert not why_not_a_folder(TablePlace(str(lake)), away_from=(var,))


class TestTheCommand:
    def test_the_command_prints_what_can_be_attached(self, cast, version, lake, capsys):
        call_command("refer", "lake", "2026/*.csv")
        printed = capsys.readouterr().out
        row = cast.attach(version, "evaluation_table", printed.encode(), "printed.json", **TABLE)
        assert row.media_type == "application/vnd.table-reference+json"

    def test_the_command_attaches_as_a_submitter_only(self, cast, version, lake, capsys):
        declared = json.dumps(TABLE)
        for name in ("nobody", cast.outsider.username):
            with pytest.raises(CommandError) as caught:
                call_command("refer", "lake", "2026", "--attach", version.pk, "--as", name, "--declare", declared)
            assert caught.value.returncode == 2
        call_command("refer", "lake", "2026", "--attach", version.pk, "--as", "submitter", "--declare", declared)
        assert "Attached lake 2026.reference.json" in capsys.readouterr().out
        assert evidence.current(version, "evaluation_table") is not None

    @pytest.mark.parametrize("place", ["pond", "/etc", "warehouse"])
    def test_what_is_not_there_is_exit_status_2(self, lake, place):
        with pytest.raises(CommandError) as caught:
            call_command("refer", place, "public.scores")
        assert caught.value.returncode == 2
