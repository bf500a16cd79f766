"""Contracts that every registered extension keeps: a new file is tested here without a line being changed."""

import dataclasses
import inspect
import string
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvals import checks, requirements
from approvals.checks.base import Check, CheckInputError, Job, ParameterError, Reading, build
from approvals.requirements.base import Case, CheckType, FindingFact, RequirementError, RunFact
from approvals.stages import Stage
from modelcards import exporters
from modelcards.exporters.base import Exporter
from monitoring import monitors
from monitoring.monitors.base import MonitorKind
from tests.modelcards.cards import smallest_card

CHECKS = [pytest.param(check, id=key) for key, check in sorted(checks.load().items())]
CLOSED = {"failed", "not_computable"}
SAMPLES = {"float": 0.5, "int": 1, "bool": True, "str": "x", "tuple": ["x"], "Mapping": {}}


def sample(annotation):
    """A value that policy text could give for a setting of that type."""
    base = annotation.replace(" | None", "").strip()
    if base.startswith("tuple[tuple"):
        return [["x"]]
    return SAMPLES[base.partition("[")[0]]


def as_policy(value):
    """A setting as policy text says it: lists, no tuples."""
    return [as_policy(item) for item in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("check", CHECKS)
class TestEveryCheck:
    def test_the_key_is_the_name_of_the_file(self, check):
        assert check.key == Path(inspect.getfile(check)).stem
        assert checks.find(check.key) is check

    def test_it_says_what_it_is(self, check):
        assert issubclass(check, Check)
        assert str(inspect.getdoc(check)).endswith(".")
        assert inspect.getmodule(check).__doc__
        assert check.title
        assert check.version
        assert check.inputs or check.facts
        assert not set(check.inputs) & set(check.optional_inputs)

    @pytest.mark.parametrize("kind", ["Parameters", "Thresholds"])
    def test_its_settings_are_frozen_and_have_defaults(self, check, kind):
        settings = getattr(check, kind)
        assert settings.__dataclass_params__.frozen
        assert inspect.getdoc(settings)
        assert build(settings, {}, owner="the test") == settings()

    @pytest.mark.parametrize("kind", ["Parameters", "Thresholds"])
    def test_policy_text_can_set_every_setting_in_its_type_only(self, check, kind):
        settings = getattr(check, kind)
        default = settings()
        for item in dataclasses.fields(settings):
            wanted = getattr(default, item.name) or sample(item.type)
            built = getattr(build(settings, {item.name: as_policy(wanted)}, owner="the test"), item.name)
            assert as_policy(built) == as_policy(wanted)
            assert not isinstance(built, list)
            with pytest.raises(ParameterError, match=item.name):
                build(settings, {item.name: object()}, owner="the test")
        with pytest.raises(ParameterError, match="no setting “nonsense”"):
            build(settings, {"nonsense": 1}, owner="the test")

    def test_it_refuses_missing_inputs_with_a_sentence(self, check, tmp_path):
        job = Job(inputs={}, facts={}, parameters=check.Parameters(), seed=0, work=tmp_path)
        with pytest.raises(CheckInputError) as caught:
            check().measure(job, lambda share, text: None)
        assert caught.value.sentence.endswith(".")
        assert caught.value.sentence[0].isupper()

    def test_nothing_measured_is_never_a_pass(self, check):
        everything = {item.name: sample(item.type) for item in dataclasses.fields(check.Thresholds)}
        for thresholds in (check.Thresholds(), build(check.Thresholds, everything, owner="the test")):
            judgement = check().judge(Reading(measures=(), looked_at=()), thresholds)
            assert judgement.verdict in CLOSED
            assert all(sentence.endswith(".") for sentence in judgement.sentences)
            assert judgement.sentences

    def test_no_threshold_is_never_a_pass(self, check):
        optional = [item.name for item in dataclasses.fields(check.Thresholds) if "None" in item.type]
        if not optional:
            assert not dataclasses.fields(check.Thresholds), "a threshold that cannot be switched off needs no default"
            return
        thresholds = build(check.Thresholds, dict.fromkeys(optional), owner="the test")
        judgement = check().judge(Reading(measures=(), looked_at=()), thresholds)
        assert judgement.verdict == "not_computable"
        assert judgement.sentences == ("The policy fixes no threshold for this check.",)


EXPORTERS = [pytest.param(exporter, id=key) for key, exporter in sorted(exporters.load().items())]


@pytest.mark.parametrize("exporter", EXPORTERS)
class TestEveryExporter:
    def test_the_key_is_the_name_of_the_file(self, exporter):
        assert exporter.key == Path(inspect.getfile(exporter)).stem
        assert exporters.load()[exporter.key] is exporter

    def test_it_says_what_it_is(self, exporter):
        assert issubclass(exporter, Exporter)
        assert str(inspect.getdoc(exporter)).endswith(".")
        assert exporter.title
        assert "/" in exporter.media_type
        assert exporter.suffix.startswith(".")

    def test_equal_cards_give_equal_bytes_without_a_database(self, exporter):
        assert exporter().export(smallest_card()) == exporter().export(smallest_card()) != b""

    def test_markup_in_the_name_of_a_model_is_no_reason_to_fail(self, exporter):
        draft = smallest_card()
        named = dataclasses.replace(draft.model, name="</title><script>alert(1)</script> & “x”")
        assert exporter().export(dataclasses.replace(draft, model=named))


MONITORS = [pytest.param(monitor, id=key) for key, monitor in sorted(monitors.load().items())]
VERDICTS = {"ok", "breach", "not_computable", "no_labels", "error"}


@pytest.mark.parametrize("monitor", MONITORS)
class TestEveryMonitor:
    def test_the_key_is_the_name_of_the_file(self, monitor):
        assert monitor.key == Path(inspect.getfile(monitor)).stem
        assert monitors.find(monitor.key) is monitor

    def test_it_says_what_it_is(self, monitor):
        assert issubclass(monitor, MonitorKind)
        assert str(inspect.getdoc(monitor)).endswith(".")
        assert monitor.title
        assert monitor.needs_batch == bool(monitor.inputs)

    def test_its_settings_are_frozen_typed_and_known(self, monitor):
        for settings in (monitor.Parameters, monitor.Thresholds):
            assert settings.__dataclass_params__.frozen
            assert build(settings, {}, owner="the test") == settings()
            with pytest.raises(ParameterError, match="no setting “nonsense”"):
                build(settings, {"nonsense": 1}, owner="the test")

    def test_a_monitor_with_thresholds_needs_one(self, monitor):
        if not dataclasses.fields(monitor.Thresholds):
            monitor.require_settings({}, {})
            return
        with pytest.raises(ParameterError, match="needs a threshold"):
            monitor.require_settings({}, {})

    def test_nothing_measured_is_never_ok(self, monitor):
        everything = {item.name: sample(item.type) for item in dataclasses.fields(monitor.Thresholds)}
        thresholds = build(monitor.Thresholds, everything, owner="the test")
        details = {} if monitor.needs_batch else {"every_days": 31}
        judgement = monitor().judge(Reading(measures=(), looked_at=(), details=details), thresholds)
        assert judgement.verdict in VERDICTS - {"ok"}
        assert all(sentence.endswith(".") for sentence in judgement.sentences)
        assert judgement.sentences

    def test_it_refuses_missing_inputs_with_a_sentence(self, monitor, tmp_path):
        job = Job(inputs={}, facts={}, parameters=monitor.Parameters(), seed=0, work=tmp_path)
        with pytest.raises(CheckInputError) as caught:
            monitor().measure(job, lambda share, text: None)
        assert caught.value.sentence.endswith(".")


REQUIREMENTS = [pytest.param(kind, id=key) for key, kind in sorted(requirements.load().items())]
SETTINGS: dict[str, dict[str, Any]] = {
    "evidence": {"kind": "artifact"},
    "answers": {"section": "use"},
    "checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}},
    "signoffs": {"role": "model_validator", "people": 2},
    "findings": {"at_or_above": "medium"},
    "mitigations": {"check": "group_fairness"},
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def empty_case(**changes):
    """A version about which nothing is known."""
    given = {
        "version_id": 1,
        "model_id": 1,
        "number": "1",
        "tier": "high",
        "stage": Stage.SCOPING,
        "artifact_sha256": "",
        "policy": "p no. 1",
        "policy_digest": "0" * 64,
        "submitted_by": 1,
        "developer": 2,
        "suspensions": 0,
        "evidence": {},
        "answers": {},
        "questions": {"use": ({"key": "who", "text": "Who?"},)},
        "runs": {},
        "finished_runs": {},
        "failed_runs": {},
        "check_inputs": {},
        "check_types": {
            key: CheckType(key, kind.title, kind.version, kind.inputs) for key, kind in checks.load().items()
        },
        "sign_offs": (),
        "findings": (FindingFact(1, 3, "High", "A gap", "open", "person", "Ann", NOW.date(), None),),
        "mitigations": (),
        "holders": {},
        "dossiers": {},
    }
    return Case(**{**given, **changes})


@pytest.mark.parametrize("kind", REQUIREMENTS)
class TestEveryRequirement:
    def requirement(self, kind):
        assert kind.key in SETTINGS, f"Say in SETTINGS what a policy gives to the requirement {kind.key}."
        return kind.parse(SETTINGS[kind.key], where="the test")

    def test_the_key_is_the_name_of_the_file_and_it_says_what_it_is(self, kind):
        assert kind.key == Path(inspect.getfile(kind)).stem
        assert str(inspect.getdoc(kind)).endswith(".")
        assert kind.title

    def test_it_goes_to_policy_text_and_back(self, kind):
        requirement = self.requirement(kind)
        assert kind.parse(requirement.as_policy(), where="the test") == requirement

    def test_unknown_missing_and_wrong_settings_are_refused_and_the_place_is_named(self, kind):
        for given in ({}, {**SETTINGS[kind.key], "nonsense": 1}, dict.fromkeys(SETTINGS[kind.key], object())):
            with pytest.raises(RequirementError, match="Gate x, item 1"):
                kind.parse(given, where="Gate x, item 1")

    def test_what_is_unknown_is_not_met_and_says_so(self, kind):
        requirement = self.requirement(kind)
        run = RunFact(1, "group_fairness", "1", "finished", "failed", "d", "r", ("Bad.",), 100, NOW, ({"name": "m"},))
        case = empty_case(failed_runs={"group_fairness": (run,)})
        outcome = requirement.evaluate(case, stage=Stage.SCOPING, now=NOW)
        assert not outcome.met
        assert all(
            blocker.sentence.endswith((".", "?")) and blocker.sentence[0] in "“Q" + string.ascii_uppercase
            for blocker in outcome.blockers
        )
        assert all(blocker.who and blocker.code for blocker in outcome.blockers)

    def test_it_is_pure(self, kind):
        requirement, case = self.requirement(kind), empty_case()
        first = requirement.evaluate(case, stage=Stage.SCOPING, now=NOW)
        assert requirement.evaluate(case, stage=Stage.SCOPING, now=NOW) == first
        assert requirement.facts(case) == requirement.facts(case)
