"""Contracts that every registered extension keeps: a new file is tested here without a line being changed."""

import dataclasses
import inspect
from pathlib import Path

import pytest

from approvals import checks
from approvals.checks.base import Check, CheckInputError, Job, ParameterError, Reading, build
from modelcards import exporters
from modelcards.exporters.base import Exporter
from tests.modelcards.cards import smallest_card

CHECKS = [pytest.param(check, id=key) for key, check in sorted(checks.load().items())]
CLOSED = {"failed", "not_computable"}
SAMPLES = {"float": 0.5, "int": 1, "bool": True, "str": "x", "tuple": ["x"]}


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
