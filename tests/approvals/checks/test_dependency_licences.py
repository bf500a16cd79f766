"""Bills of materials in every format that is read, what a policy makes of them, and files that are none."""

import json
import time

import pytest

from approvals.checks.base import CheckInputError, ParameterError
from approvals.checks.dependency_licences import DependencyLicences
from approvals.sandbox import JobDescription, run_measurement

SHA = "a" * 64
ALLOWED = ["MIT", "BSD-3-Clause", "Apache-2.0"]
PYPI = {"alg": "SHA-256", "content": SHA}


def part(name="numpy", version="2.1.0", licence="BSD-3-Clause", **more):
    """One component of a CycloneDX document, sound unless it is changed."""
    stated = [] if licence is None else [{"expression": licence}]
    base = {"type": "library", "name": name, "version": version, "licenses": stated, "hashes": [PYPI]}
    return {key: value for key, value in (base | more).items() if value is not None}


def bom(*components, **more):
    """A CycloneDX document of these components."""
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **more}


@pytest.fixture
def look(measured, judged, piece):
    def run(content, *, thresholds=None, **asked):
        asked = {"allowed_licences": ALLOWED} | asked
        reading = measured(DependencyLicences, piece("bill_of_materials", content), **asked)
        return judged(DependencyLicences, reading, **(thresholds or {})), reading

    return run


def value(reading, name):
    return next(measure.value for measure in reading.measures if measure.name == name)


def text_of(judgement):
    return " ".join(judgement.sentences)


class TestFilesThatAreNone:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("", "lists no components"),
            ("# nothing\n", "lists no components"),
            (b"\xff\xfe\x00", "no text in UTF-8"),
            ("<bom/>", "is XML; attach the CycloneDX document as JSON"),
            ("{", "is not valid JSON: Expecting property name"),
            ("{}", "its bomFormat is not CycloneDX"),
            ('{"spdxVersion": "SPDX-2.3"}', "its bomFormat is not CycloneDX"),
            ('{"a": 1, "a": 2}', "an object names “a” twice"),
            ('{"a": NaN}', "NaN is no number that JSON knows"),
            ('{"a": ' + "9" * 5000 + "}", "is not valid JSON: Exceeds the limit"),
            ('{"a": ' + "[" * 100_000, "is not valid JSON: it is nested too deep"),
            ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nests its entries more than 60 deep"),
            (bom(specVersion="1.3"), "must be of CycloneDX 1.4 to 1.7"),
            (bom(specVersion=[]), "must be of CycloneDX 1.4 to 1.7"),
            (bom(), "lists no components"),
            (bom() | {"components": {}}, "components must be a list, not an object"),
            (bom(None), r"components\[0\] must be an object with named entries, not nothing"),
            (bom(part(), {"type": "library"}), r"components\[1\] has no name"),
            (bom(part(version=2)), r"components\[0\].version must be a text, not a number"),
            (bom(part(name="\ud800")), r"components\[0\].name holds a character that cannot be printed"),
            (bom(part(name="num\u202epy")), r"components\[0\].name holds a character that cannot be printed"),
            (bom(part(name="n" * 501)), r"components\[0\].name has 501 characters; at most 500 are read"),
            (bom(part(licence=7)), r"components\[0\].licenses\[0\].expression must be a text, not a number"),
            (bom(part(licenses=["MIT"])), r"components\[0\].licenses\[0\] must be an object"),
            (bom(part(licenses=[{}])), r"components\[0\].licenses\[0\].license must be an object"),
            (bom(part(licenses=[{"license": {"id": "MIT", "name": "GPL"}}])), "has both “id” and “name”"),
            (bom(part(licenses=[{"expression": "MIT", "license": {"id": "GPL"}}])), "has both “expression” and “lic"),
            ("[[package]]\nname='a'\n[[packages]]\nname='b'\n", "two sections, package and packages"),
            (bom(part(hashes=[SHA])), r"components\[0\].hashes\[0\] must be an object"),
            (bom(part(components=[{}])), r"components\[0\].components\[0\] has no name"),
            (bom(part(), vulnerabilities={}), "vulnerabilities must be a list"),
            (
                bom(part(), vulnerabilities=[{"ratings": [{"severity": "dire"}]}]),
                r"severity is “dire”; CycloneDX knows",
            ),
            (bom(part(), vulnerabilities=[{"affects": [1]}]), r"affects\[0\] must be an object"),
            ("name,version\nnumpy,2\n", "line 1 is no requirement of a package: “name,version”"),
            ("numpy==2.1\n-r more.txt\n", "line 2 refers to another file"),
            ("-rmore.txt\n", "line 1 refers to another file"),
            ("--constraint=more.txt\n", "line 1 refers to another file"),
            ("--unheard-of\n", "line 1 is no requirement"),
            ("numpy\\\n==2.1\\\n  ; " + "(" * 900, "line 1 is no requirement"),
            ("n" * 20_001, "line 1 has more than 20,000 characters"),
            ("[[package]]\nname = \n", "is no valid lock file: Invalid value"),
            ("[[package]]\nversion = '1'\n", r"package\[0\] has no name"),
            ("[[package]]\nname = 1\n", r"package\[0\].name must be a text, not a number"),
            ("[[package]]\nname = 'a'\nfiles = 1\n", r"package\[0\].files must be an object"),
            ("[[package]]\nname = 'a'\nx = " + "[" * 9000, "is no valid lock file: it cannot be followed"),
        ],
    )
    def test_a_file_that_is_no_bill_is_refused_with_a_sentence(self, look, content, why):
        with pytest.raises(CheckInputError, match=why) as caught:
            look(content)
        assert caught.value.sentence.endswith((".", "”."))
        assert len(caught.value.sentence) < 400

    @pytest.mark.parametrize(
        "content",
        [
            bom(*[{"name": "a"}] * 100_000),
            "a\n" * 100_000,
            "[[package]]\nname='a'\n" * 100_000,
        ],
        ids=["cyclonedx", "requirements", "lock"],
    )
    def test_a_hundred_thousand_components_are_too_many_and_said_so_soon(self, look, content):
        begin = time.monotonic()
        with pytest.raises(CheckInputError, match="lists more than 20,000 components"):
            look(content)
        assert time.monotonic() - begin < 20

    def test_a_file_of_many_megabytes_is_not_read(self, look):
        with pytest.raises(CheckInputError, match="larger than the 16 MiB"):
            look(" " * (17 << 20))
        with pytest.raises(CheckInputError, match="larger than the 4 MiB that a list"):
            look("# words\n" * (5 << 17))

    def test_dotted_keys_without_end_are_refused_in_bounded_time(self, look):
        begin = time.monotonic()
        with pytest.raises(CheckInputError):
            look("[[package]]\nname='x'\n" + ".".join("a" * 9_000) + " = 1\n")
        assert time.monotonic() - begin < 20

    def test_twenty_thousand_components_of_long_expressions_are_judged_in_bounded_time(self, look):
        begin = time.monotonic()
        look(bom(*(part(name=f"p{place}", licence=f"(MIT OR (A{place} AND GPL-2.0-only))") for place in range(20_000))))
        assert time.monotonic() - begin < 60


class TestLicences:
    @pytest.mark.parametrize(
        ("expression", "standing"),
        [
            ("MIT", "allowed"),
            ("mit", "allowed"),
            ("MIT OR GPL-3.0-only", "allowed"),
            ("GPL-3.0-only OR MIT", "allowed"),
            ("NOASSERTION OR MIT", "allowed"),
            ("MIT AND Apache-2.0", "allowed"),
            ("(MIT AND GPL-3.0-only) OR BSD-3-Clause", "allowed"),
            ("MIT OR GPL-3.0-only AND Nonsense", "allowed"),
            ("Apache-2.0 WITH LLVM-exception", "allowed"),
            ("MIT AND MPL-2.0", "not allowed"),
            ("MPL-2.0", "not allowed"),
            ("Classpath-exception-2.0", "unknown"),
            ("MIT WITH Apache-2.0", "unknown"),
            ("MIT WITH Nonsense", "unknown"),
            ("GPL-3.0-only", "denied"),
            ("GPL-3.0", "denied"),
            ("GPL-3.0-only OR GPL-3.0-only AND MIT", "denied"),
            ("MIT AND GPL-3.0-only", "denied"),
            ("GPL-3.0-only WITH GCC-exception-3.1", "denied"),
            ("GPL-3.0-only OR Nonsense", "unknown"),
            ("MIT AND Nonsense", "unknown"),
            ("LicenseRef-own", "unknown"),
            ("LicenseRef-scancode-public-domain", "unknown"),
            ("LicenseRef-MIT-Discord", "unknown"),
            ("GPL", "unknown"),
            ("GPL-3.0 WITH GCC-exception-3.1 OR BSD-2-Clause-FreeBSD", "not allowed"),
            ("NOASSERTION", "unknown"),
            ("BSD License", "unknown"),
            ("MIT/X11", "unknown"),
            ("()", "unknown"),
            ("MIT OR", "unknown"),
            ("(OR MIT", "unknown"),
            ("(" * 900, "unknown"),
            ("(MIT OR " * 90 + "MIT" + ")" * 90, "allowed"),
            ("MİT", "unknown"),
            ("", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_an_expression_stands_as_its_best_branch_and_its_worst_part(self, look, expression, standing):
        _, reading = look(bom(part(licence=expression)), denied_licences=["GPL-3.0-only"])
        assert reading.tables[0].rows[0][3] == standing

    def test_several_statements_hold_together(self, look):
        both = [{"license": {"id": "MIT"}}, {"license": {"name": "GPL-3.0-only"}}]
        judgement, _ = look(bom(part(licenses=both)), denied_licences=["GPL-3.0-only"])
        assert judgement.verdict == "failed"
        assert "Components of a denied licence: 1; at most 0 are allowed." in judgement.sentences

    def test_a_whole_text_as_name_is_an_unknown_licence(self, look):
        for name in ("Permission\nis hereby " * 900, "\x00", 7, None):
            judgement, reading = look(bom(part(licenses=[{"license": {"name": name}}])))
            assert judgement.verdict == "failed"
            assert value(reading, "share of components of unknown licence") == 1.0

    def test_a_policy_may_name_an_own_word_or_a_pair(self, look):
        wanted = ["LicenseRef-own", "GPL-2.0-only WITH Classpath-exception-2.0"]
        content = bom(part(licence=wanted[0]), part("b", licence=wanted[1]))
        assert look(content, allowed_licences=wanted, denied_licences=["GPL-2.0-only"])[0].verdict == "passed"

    @pytest.mark.parametrize("word", ["", "GPL", "MIT OR BSD-3-Clause", "NOASSERTION", "Classpath-exception-2.0", "()"])
    def test_a_policy_that_names_no_licence_of_spdx_is_told(self, look, word):
        for setting in ("allowed_licences", "denied_licences"):
            with pytest.raises(CheckInputError, match="no identifier of SPDX"):
                look(bom(part()), **{setting: [word]})

    def test_a_policy_without_allowed_licences_is_never_a_pass(self, look):
        judgement, _ = look(bom(part()), allowed_licences=[])
        assert judgement.verdict == "not_computable"
        assert "the policy names no allowed licences" in text_of(judgement)
        assert look(bom(part()), allowed_licences=[], thresholds={"max_not_allowed": None})[0].verdict == "passed"

    def test_unknown_licences_pass_only_up_to_the_share_of_the_policy(self, look):
        content = bom(part("a"), part("b"), part("c"), part("d", licence=None))
        assert look(content)[0].verdict == "failed"
        assert look(content, thresholds={"max_unknown_licence_share": 0.25})[0].verdict == "passed"
        assert look(content, thresholds={"max_unknown_licence_share": 0.24})[0].verdict == "failed"


class TestComponents:
    def test_a_sound_bill_passes_and_says_that_nothing_was_looked_up(self, look):
        nested = part("outer", components=[part("inner", components=[part("innermost")])])
        judgement, reading = look(bom(nested, part(), vulnerabilities=[]))
        assert judgement.verdict == "passed", judgement.sentences
        assert [row[0] for row in reading.tables[0].rows] == ["inner", "innermost", "numpy", "outer"]
        assert reading.not_looked_at[0].startswith("Vulnerabilities that the document does not list")
        assert "are not compared" in reading.not_looked_at[2]

    @pytest.mark.parametrize(
        "version",
        [
            "",
            "latest",
            ">=2",
            "2.*",
            "^2.1",
            "1.0 || 2.0",
            "[1.0,2.0)",
            "unknown",
            "N/A",
            "nightly",
            "1.x",
            "2.0-SNAPSHOT",
        ],
    )
    def test_a_version_that_leaves_a_choice_fails_where_the_policy_asks(self, look, version):
        content = bom(part(version=version))
        assert "Components without an exact version: 1" in text_of(look(content)[0])
        assert look(content, thresholds={"require_pinned": False})[0].verdict == "passed"

    @pytest.mark.parametrize(
        "hashes", [[], [{"alg": "MD5", "content": "a" * 32}], [{"alg": "SHA-256", "content": "a" * 63}], [{}], None]
    )
    def test_a_component_without_a_digest_that_counts_fails_where_the_policy_asks(self, look, hashes):
        content = bom(part(hashes=hashes))
        assert "Components without a digest: 1" in text_of(look(content)[0])
        assert look(content, thresholds={"require_digests": False})[0].verdict == "passed"

    def test_two_versions_of_one_component_are_a_conflict(self, look):
        content = bom(
            part("Foo_bar", "1", purl="pkg:pypi/Foo_bar@1"),
            part("foo-bar", "2", purl="pkg:pypi/foo.bar@2?x=y"),
            part("foo-bar", "3", purl="pkg:npm/foo-bar@3"),
        )
        judgement, reading = look(content)
        assert judgement.verdict == "failed"
        assert value(reading, "components in several versions") == 1
        assert look(content, thresholds={"max_conflicts": 1})[0].verdict == "passed"

    @pytest.mark.parametrize(
        ("ban", "verdict"),
        [
            ("log4j-core", "failed"),
            ("org.apache/log4j_core", "failed"),
            ("log4j-core<2.17", "failed"),
            ("log4j-core <2.14, >1", "passed"),
            ("log4j", "passed"),
        ],
    )
    def test_a_banned_component_fails_under_any_policy(self, look, ban, verdict):
        content = bom(part("log4j-core", "2.14.1", group="org.apache"))
        assert look(content, banned_components=[ban])[0].verdict == verdict

    def test_a_version_that_cannot_be_compared_is_in_every_banned_range(self, look):
        content = bom(part("log4j-core", "two"))
        assert look(content, banned_components=["log4j-core<1"])[0].verdict == "failed"

    @pytest.mark.parametrize("ban", ["", "<2", "a b", "a<", "a~2"])
    def test_a_policy_that_bans_nothing_is_refused_where_it_is_written(self, look, ban):
        with pytest.raises(ParameterError, match="bans no component"):
            look(bom(part()), banned_components=[ban])

    def test_what_the_subject_contains_and_what_somebody_found_counts(self, look):
        gpl = part("inner", licence="GPL-3.0-only")
        found = part("found", evidence={"licenses": [{"license": {"id": "GPL-3.0-only"}}]})
        inside = bom(part(), metadata={"component": {"name": "model", "components": [gpl]}})
        for content in (inside, bom(found)):
            judgement = look(content, denied_licences=["GPL-3.0-only"])[0]
            assert "Components of a denied licence: 1" in text_of(judgement)
        assert "metadata.component" in " ".join(look(inside)[1].not_looked_at)

    def test_a_bill_that_says_it_is_incomplete_passes_only_where_the_policy_lets_it(self, look):
        content = bom(part(), compositions=[{"aggregate": "complete"}, {"aggregate": "unknown"}, {}])
        judgement = look(content)[0]
        assert "Parts that the bill itself does not call complete: 2; at most 0" in text_of(judgement)
        assert look(content, thresholds={"max_incomplete_parts": 2})[0].verdict == "passed"
        assert look(content, thresholds={"max_incomplete_parts": None})[0].verdict == "passed"
        assert look(bom(part(), compositions=[{"aggregate": "complete"}]))[0].verdict == "passed"
        assert "Whether the bill lists everything" in " ".join(look(bom(part()))[1].not_looked_at)

    def test_sections_that_are_not_read_are_named(self, look):
        reading = look(bom(part(), services=[{"name": "s"}], declarations={"a": 1}, formulation=[]))[1]
        assert reading.not_looked_at[-2:] == ("Its section “declarations”.", "Its section “services”.")

    @pytest.mark.parametrize("purl", ["pkg:pypi/PyYAML@5.3", "pkg:npm/%40scope/pyyaml@6"])
    def test_a_ban_is_for_the_package_whatever_the_component_is_called(self, look, purl):
        content = bom(part("renamed", "6.1", purl=purl))
        assert look(content, banned_components=["pyyaml<=6"])[0].verdict == "failed"
        assert look(content, banned_components=["pyyaml<5"])[0].verdict == "passed"


class TestVulnerabilities:
    LISTED = (
        {"id": "CVE-1", "ratings": [{"severity": "low"}, {"severity": "high"}], "affects": [{"ref": "a"}]},
        {"id": "CVE-2", "ratings": [{"severity": "low"}], "analysis": {"state": "not_affected"}},
    )

    @pytest.mark.parametrize(("most", "verdict"), [("none", "failed"), ("medium", "failed"), ("high", "passed")])
    def test_what_the_document_lists_is_counted_by_its_worst_rating(self, look, most, verdict):
        judgement, reading = look(bom(part(), vulnerabilities=list(self.LISTED)), thresholds={"max_severity": most})
        assert judgement.verdict == verdict
        assert reading.looked_at[1] == "The vulnerabilities that the document lists: 1 high, 1 low."
        assert reading.tables[1].rows[0] == ("CVE-1", "high", "none", "a")

    def test_a_severity_that_is_not_said_is_worse_than_all(self, look):
        content = bom(part(), vulnerabilities=[{"id": "CVE-3"}])
        assert look(content, thresholds={"max_severity": "critical"})[0].verdict == "failed"
        assert look(content, thresholds={"max_severity": None})[0].verdict == "passed"

    def test_a_score_says_how_severe_it_is_where_no_word_does(self, look):
        scored = {"id": "CVE-4", "ratings": [{"severity": "none"}, {"score": 9.8, "method": "CVSSv31"}]}
        content = bom(part(), vulnerabilities=[scored])
        assert look(content, thresholds={"max_severity": "high"})[0].verdict == "failed"
        assert look(content, thresholds={"max_severity": "critical"})[0].verdict == "passed"
        assert look(content)[1].tables[1].rows[0][1] == "critical"

    def test_a_settled_analysis_counts_only_where_the_policy_says_so(self, look):
        content = bom(part(), vulnerabilities=[self.LISTED[1]])
        assert look(content)[0].verdict == "failed"
        judgement, reading = look(content, settled_states=["not_affected"])
        assert judgement.verdict == "passed"
        assert "1 more are settled" in reading.looked_at[1]

    def test_a_severity_that_does_not_exist_is_never_a_pass(self, look):
        assert look(bom(part()), thresholds={"max_severity": "dire"})[0].verdict == "not_computable"


REQUIREMENTS = f"""\
--index-url https://example.org/simple
-e ./local
numpy==2.1.0 \\
    --hash=sha256:{SHA} \\
    --hash=md5:{"a" * 32}
    # via pandas
pandas>=2  # a comment
scipy==1.*
torch==2.5 ; python_version < "3.12" --hash=sha256:{SHA}
torch==2.6 ; python_version >= "3.12" --hash=sha256:{SHA}
tool @ https://example.org/tool.whl#sha256={SHA}
other @ git+https://example.org/other@{"b" * 40}
"""
UV = f"""\
version = 1
[[package]]
name = "project"
source = {{ editable = "." }}
[[package]]
name = "numpy"
version = "2.1.0"
sdist = {{ url = "x", hash = "sha256:{SHA}" }}
wheels = [{{ url = "y", hash = "sha256:{SHA}" }}]
[[package]]
name = "scipy"
version = "1.14"
wheels = [{{ url = "y", hash = "sha256:{SHA}" }}, {{ url = "z" }}]
"""
POETRY = f'[[package]]\nname = "numpy"\nversion = "2.1.0"\nfiles = [{{file = "x", hash = "sha256:{SHA}"}}]\n'
PYLOCK = (
    f'lock-version = "1.0"\n[[packages]]\nname = "numpy"\nversion = "2.1.0"\n'
    f'[[packages.wheels]]\nurl = "x"\nhashes = {{sha256 = "{SHA}"}}\n'
)


class TestLists:
    @pytest.mark.parametrize(
        ("one", "other", "conflicts"),
        [
            ("python_version >= '3.8'", "python_version >= '3.9'", 1),
            ("python_version < '3.12'", "python_version >= '3.12'", 0),
            ("python_full_version < '3.11.4'", "python_version == '3.11'", 1),
            ("python_version == '3.10.*'", "python_version != '3.10'", 0),
            ("sys_platform == 'win32'", "os_name == 'posix'", 0),
            ("sys_platform == 'linux'", "os_name == 'posix'", 1),
            ("sys_platform == 'win32'", "platform_system == 'Windows' and python_version > '3.7'", 1),
            ("sys_platform == 'plan9'", "sys_platform != 'linux'", 1),
            ("platform_machine == 'aarch64'", "platform_machine == 'x86_64'", 0),
            ("platform_machine == 'aarch64'", "platform_machine != 'x86_64'", 1),
            ("platform_python_implementation == 'PyPy'", "implementation_name == 'cpython'", 0),
            ("extra == 'gpu'", "extra == 'cpu'", 0),
            ("extra == 'gpu'", "python_version > '3.6'", 1),
            ("python_version < '3.12' or sys_platform == 'win32'", "python_version >= '3.12'", 1),
        ],
    )
    def test_two_versions_conflict_where_both_conditions_can_hold(self, look, one, other, conflicts):
        reading = look(f"torch==2.5; {one}\ntorch==2.6; {other}\n")[1]
        assert value(reading, "components in several versions") == conflicts

    def test_conditions_too_many_to_try_out_are_a_conflict(self, look):
        lines = [f"torch==2.{place}; python_version == '3.{place}'" for place in range(40)]
        assert value(look("\n".join(lines[:10]) + "\n")[1], "components in several versions") == 0
        assert value(look("\n".join(lines) + "\n")[1], "components in several versions") == 1

    def test_requirements_are_read_as_pip_reads_them(self, look):
        _, reading = look(REQUIREMENTS)
        rows = {(row[0], row[1]): row[4:6] for row in reading.tables[0].rows}
        assert rows == {
            ("-e ./local", "none"): ("no", "no"),
            ("numpy", "2.1.0"): ("yes", "yes"),
            ("pandas", ">=2"): ("no", "no"),
            ("scipy", "==1.*"): ("no", "no"),
            ("torch", "2.5"): ("yes", "yes"),
            ("torch", "2.6"): ("yes", "yes"),
            ("tool", f"https://example.org/tool.whl#sha256={SHA}"): ("yes", "yes"),
            ("other", f"git+https://example.org/other@{'b' * 40}"): ("yes", "no"),
        }
        assert value(reading, "components in several versions") == 0
        assert any("“--index-url https://example.org/simple”" in sentence for sentence in reading.not_looked_at)
        assert value(look("torch==2.5\ntorch==2.6; python_version < '3'\n")[1], "components in several versions") == 1

    @pytest.mark.parametrize(("content", "digests"), [(UV, ["yes", "no"]), (POETRY, ["yes"]), (PYLOCK, ["yes"])])
    def test_lock_files_are_read(self, look, content, digests):
        _, reading = look(content)
        assert [row[5] for row in reading.tables[0].rows if row[0] == "numpy"] == ["yes"]
        assert sorted(row[5] for row in reading.tables[0].rows) == sorted(digests)

    def test_a_list_states_no_licences_so_it_passes_only_where_these_are_not_asked(self, look):
        judgement, reading = look(POETRY)
        assert judgement.verdict == "failed"
        assert "a CycloneDX document does" in " ".join(reading.not_looked_at)
        asked = {"max_unknown_licence_share": None, "max_not_allowed": None}
        assert look(POETRY, allowed_licences=[], thresholds=asked)[0].verdict == "passed"


def test_the_same_bill_gives_the_same_reading_and_a_long_one_shows_what_is_wrong_first(look):
    content = bom(*(part(f"p{place:04}") for place in range(900)), part("zulu", licence=None))
    first, second = look(content)[1], look(json.dumps(content))[1]
    assert first == second
    table = first.tables[0]
    assert (table.rows[0][0], len(table.rows), table.note[:3]) == ("zulu", 500, "401")


def test_a_bill_reaches_the_check_through_the_sandbox(piece, judged):
    job = JobDescription(
        inputs={"bill_of_materials": piece("bill_of_materials", bom(part()))}, parameters={"allowed_licences": ALLOWED}
    )
    reading = run_measurement(check_key="dependency_licences", job=job)
    assert judged(DependencyLicences, reading).verdict == "passed"
