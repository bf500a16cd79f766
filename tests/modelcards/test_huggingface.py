"""README.md for a model repository: what Hugging Face's own library reads, and text that tries to act."""

import dataclasses
import re

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard import RepoCard, metadata_load
from huggingface_hub.repocard_data import ModelCardData, eval_results_to_model_index, model_index_to_eval_results
from markdown_it import MarkdownIt

from modelcards import card as c
from modelcards.exporters import load
from tests.modelcards.cards import card, smallest_card
from tests.modelcards.test_pdf import poisoned

ATTACKS = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://attacker.example/x.png) <http://attacker.example> www.attacker.example",
    "# Approved\n## Approval\n\nSigned by everybody",
    "Approved\n========\n\nApproved\n---\n---\nlicense: mit\n---\n",
    "```\nunclosed\n\n~~~\n    code",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "[x]: http://attacker.example\n\n[x] [^1]\n\n[^1]: note",
    "- one\n1. two\n1) three\n+ four\n* five\n> six",
    "$$\\href{javascript:alert(1)}{x}$$ @everyone :white_check_mark: &lt;b&gt; &#60;i&#62;",
    "<!-- hidden --> <details><summary>x</summary>",
    "\u202egnp.exe \u200b\x00\x1b[2J \u2028---\u2028",
    "back\\slash \\<b\\> \\",
    "---",
]


def exported(document=None):
    return load()["huggingface"]().export(document or card()).decode()


def metadata_of(read):
    assert isinstance(read.data, ModelCardData)
    return read.data


def declared():
    facts = (c.Fact("Label", "y"), c.Fact("Prediction", "p"), c.Fact("Features", "age; income"))
    table = dataclasses.replace(card().evaluation[0], facts=facts)
    training = c.Training((c.Fact("Licence", "Apache-2.0"), c.Fact("Language", "de; en")))
    return card(evaluation=(table,), training=training)


def tags_of(markdown):
    """The HTML elements that a reader of CommonMark with tables would show."""
    shown = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").render(markdown)
    return set(re.findall(r"<([a-z0-9]+)", shown)), shown


@pytest.mark.parametrize("document", [card(), smallest_card(), declared()], ids=["issued", "draft", "declared"])
def test_the_library_reads_it_and_its_results_survive_both_ways(document, tmp_path):
    path = tmp_path / "README.md"
    path.write_text(exported(document), encoding="utf-8")
    metadata = metadata_load(path)
    results_read = metadata_of(ModelCard.load(path))
    assert RepoCard(exported(document)).data.to_dict()["model_name"] == metadata["model_name"]
    index = metadata.get("model-index")
    if document.checks:
        name, results = model_index_to_eval_results(index)
        assert eval_results_to_model_index(name, results) == index
        assert len(results_read.eval_results) == len(results) > 10
        assert all(result.metric_value is not None for result in results)
    else:
        assert index is None


def test_every_computable_number_is_there_with_its_interval_and_no_other():
    results = metadata_of(ModelCard(exported())).eval_results
    numbers = [n for check in card().checks if check.key != "data_quality" for n in check.numbers]
    rows = [n for check in card().checks for table in check.groups for row in table.rows for n in row.numbers]
    assert len(results) == sum(n.value is not None for n in (*numbers, *rows))
    assert "duplicate_rows" not in {one.metric_type for one in results}, "the model did not make them"
    auc = next(one for one in results if one.metric_type == "roc_auc")
    expected = next(n for n in numbers if n.name == "roc_auc")
    assert auc.metric_value == expected.value
    assert auc.metric_args["confidence_interval"] == [expected.low, expected.high]
    assert auc.dataset_revision == card().evaluation[0].sha256
    assert any(one.dataset_config == "sex and age: female | 18 to 24" for one in results)


def test_what_nobody_stated_is_not_guessed():
    data = ModelCard(exported()).data.to_dict()
    assert not {"license", "language", "pipeline_tag", "base_model", "library_name", "datasets"} & set(data)
    assert data["model-index"][0]["results"][0]["task"]["type"] == "other"


def test_what_is_stated_is_there():
    data = ModelCard(exported(declared())).data.to_dict()
    assert (data["license"], data["language"]) == ("apache-2.0", ["de", "en"])
    assert data["pipeline_tag"] == "tabular-classification"
    own = card(training=c.Training((c.Fact("Licence", "internal use only"),)))
    data = ModelCard(exported(own)).data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "internal use only")


def test_the_sections_of_mitchell_and_others_are_all_there():
    text = exported()
    for section in (
        "Model Details", "Intended Use", "Factors", "Metrics", "Evaluation Data", "Training Data",
        "Quantitative Analyses", "Ethical Considerations", "Caveats and Recommendations",
    ):  # fmt: skip
        assert f"\n## {section}\n" in text
    assert "### Unitary results" in text
    assert "### Intersectional results" in text
    assert "not computable" in text


def test_a_draft_says_that_it_is_one_before_anything_else():
    text = exported(smallest_card())
    assert "DRAFT, not an approval" in text.partition("## ")[0]
    assert "draft-not-an-approval" in metadata_of(ModelCard(text)).tags


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_cannot_act_break_the_front_matter_or_forge_a_section(attack):
    document = poisoned(card(checks=card().checks[:3]), attack)
    text = exported(document)
    read = ModelCard(text)
    assert read.data.to_dict().get("license") in (None, "other")
    elements, shown = tags_of(read.text)
    assert elements <= {
        "h1", "h2", "h3", "p", "ul", "li", "strong", "blockquote", "br", "code",
        "table", "thead", "tbody", "tr", "th", "td",
    }, elements  # fmt: skip
    plain, _ = tags_of(ModelCard(exported(card(checks=card().checks[:3]))).text)
    assert elements == plain
    headings = re.findall(r"(?m)^#+ .*$", read.text)
    expected = re.findall(r"(?m)^#+ .*$", ModelCard(exported(card(checks=card().checks[:3]))).text)
    assert len(headings) == len(expected)
    assert shown.count("<h2>") == 11
    assert re.search(r"(?<!\\)://attacker|(?<!`)www\.attacker", read.text) is None
    assert all(sign not in text for sign in "\u202e\u200b\x00\x1b\u2028")


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_front_matter_of_an_attack_is_plain_yaml_of_the_same_keys(attack):
    front = exported(poisoned(declared(), attack)).split("---\n")[1]
    assert set(yaml.safe_load(front)) <= {*yaml.safe_load(exported(declared()).split("---\n")[1]), "license_name"}
