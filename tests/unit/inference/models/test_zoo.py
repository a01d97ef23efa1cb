import json
from pathlib import Path

import pytest
import yaml
from documented_examples import examples_of
from made_zoo import ABOUT, SCALES, about_file, evaluation_file, made_zoo, training_folder

from orbitile.__main__ import main, show_models
from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.zoo import ZOO, AboutNetwork, parse_facts, read_network, zoo_names
from orbitile.inference.models.zoo_card import network_card, network_table
from orbitile.inference.models.zoo_entry import LARGEST_BYTES, add_network, check_entry
from orbitile.settings import check_settings

ROOT = Path(__file__).parents[4]
NAME = "moon-relief-474m"


def test_the_zoo_is_the_folder_models():
    assert ROOT / "models" == ZOO


@pytest.mark.parametrize("name", zoo_names())
def test_networks_of_the_project_are_what_is_said_of_them(name):
    network = read_network(name)
    check_entry(network)
    assert network.facts.held_out, f"{name}: no figures on images that it has not seen"
    settings = dict(run="r", body=network.facts.about.body, scenes="scenes.csv", model=name)
    assert check_settings(settings, ["settings"]).model.sha256 == network.facts.sha256


def test_a_network_and_its_facts(tmp_path):
    (network,) = made_zoo(tmp_path)
    assert zoo_names(tmp_path / "zoo") == [NAME]
    read = read_network(NAME, tmp_path / "zoo")
    assert read == network
    check_entry(read)
    assert (read.family, read.score_threshold) == ("yolo", 0.31)
    assert read.facts.sha256 == sha256(tmp_path / "zoo" / f"{NAME}.safetensors")
    assert read.facts.validation.n_truth == 400
    figures = read.facts.held_out[0]
    assert (figures.f1.value, figures.f1.interval, figures.units) == (0.723456, (0.7, 0.75), "12 squares")
    assert [(row.from_px, row.to_px, row.diameter_ratio) for row in figures.by_size] == [
        (10, 16, 1.012346), (16, None, None),
    ]  # fmt: skip


def test_nothing_stands_in_the_facts_that_the_weights_state(tmp_path):
    (network,) = made_zoo(tmp_path)
    facts = json.loads((tmp_path / "zoo" / f"{NAME}.json").read_text())

    def keys(value):
        for key, inner in value.items():
            yield key
            if isinstance(inner, dict):
                yield from keys(inner)

    assert set(keys(facts["about"])) & set(network.description) == {"score_threshold"}  # of `model`, the lower one
    assert "score_threshold" not in facts["validation"]


def test_a_card_says_what_users_must_know(tmp_path):
    (network,) = made_zoo(tmp_path)
    card = (tmp_path / "zoo" / f"{NAME}.md").read_text()
    assert card == network_card(network.facts, NAME, network.description)
    for words in (
        f"# {NAME}\n", "Craters in shaded relief of the Moon. Use it with `model: moon-relief-474m`.",
        "| ground sample distance | 474 m/px, tried on 237 to 948 m/px |",
        f"| SHA-256 | `{network.facts.sha256}` |\n", "- `suppression.score_threshold: 0.31`",
        "- `suppression.iou_threshold: 0.35`",
        "| 474 | 512 | 128 | 8 to 120 | 3792 to 56880 |", "| 1896 | 512 | 128 | 16 to 120 and more |",
        "F1 0.723 (0.700 to 0.750)", "100 true craters, IoU 0.3, scores from 0.3 on",
        "drawn from 12 squares. In the median found diameters are 1.01 of the true ones and centres are 1.01 px off.",
        "| 10 to 16 | 60 | 0.700 (0.600 to 0.800) | 0.800 | 0.747 | 1.01 |", "| 16 and more | 60 |", "- In shadows.",
        "- Relief: The makers. public domain, https://example.org/relief", "| licence | AGPL-3.0 |",
        "Best of 12 epochs was 7; training took 0.50 h on 2 CPU cores.", "at a score of 0.31, 400 true craters",
    ):  # fmt: skip
        assert words in card, words
    assert "None" not in card
    assert str(tmp_path) not in card


def test_a_card_without_figures_says_so(tmp_path):
    training = training_folder(tmp_path / "t")
    (training / "metrics.json").unlink()
    add_network(NAME, training / "model.safetensors", about_file(tmp_path, settings={}), zoo=tmp_path / "zoo")
    card = (tmp_path / "zoo" / f"{NAME}.md").read_text()
    assert "Not yet measured on images that it has not seen." in card
    assert "epochs" not in card


def test_the_table_of_all_networks(tmp_path):
    networks = made_zoo(tmp_path, ("b-network", "a-network"))
    head, *rows = network_table(networks).splitlines()[:3]
    assert head.split() == ["name", "body", "images", "m/px", "F1", "MB"]
    assert [row.split()[0] for row in rows] == ["b-network", "a-network"]
    assert "Moon  shaded relief  474   0.72 (0.70 to 0.75)" in rows[0]
    networks[0].weights.unlink()
    assert network_table(networks).splitlines()[1].endswith("missing")


def test_the_commands(tmp_path, capsys):
    made_zoo(tmp_path)
    show_models(None, tmp_path / "zoo")
    assert NAME in capsys.readouterr().out
    show_models(NAME, tmp_path / "zoo")
    assert capsys.readouterr().out == (tmp_path / "zoo" / f"{NAME}.md").read_text()
    show_models(None, tmp_path / "none")
    assert "no networks" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["models"], ["models", "no-such"]])
def test_the_command_line(monkeypatch, capsys, words):
    monkeypatch.setattr("sys.argv", ["orbitile", *words])
    assert main() == len(words) - 1
    assert ("there is no network 'no-such'" in capsys.readouterr().err) == (len(words) == 2)


@pytest.mark.parametrize(
    ("name", "words"), [("mars", "allowed are a-network, b-network, or {weights"), ("../a-network", "'../a-network'")]
)
def test_unknown_names_list_the_known_ones(tmp_path, name, words):
    made_zoo(tmp_path, ("b-network", "a-network"))
    with pytest.raises(OrbitileError, match="there is no network") as error:
        read_network(name, tmp_path / "zoo")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(licence=None), "licence: Field required"), (dict(licence=" "), "licence: allowed is a text of one line"),
        (dict(training_data=[]), "training_data: "), (dict(fails=[]), "fails: "),
        (dict(gsd_m=100), "gsd_m: lies outside"),
        (dict(training_data=[dict(name="x", licence="y")]), "training_data.0.credit: Field required"),
        (dict(gsd_range_m=[948, 237]), "gsd_range_m: allowed are the least and the largest"),
        (dict(scales=[SCALES[1]]), "scales: the first one's factor is 1"), (dict(colour="red"), "colour: "),
        (dict(settings=dict(bands=1)), "settings.bands: allowed are model, suppression"),
        (dict(settings=dict(model=dict(sha256="0"))), "settings.model.sha256: is not stated here"),
        (dict(gsd_m=float("nan")), "gsd_m: "), (dict(title="a\nb"), "title: "),
    ],
)  # fmt: skip
def test_facts_that_are_missing_or_wrong_are_named(tmp_path, changes, words):
    with pytest.raises(OrbitileError) as error:
        add_network(NAME, training_folder(tmp_path / "t"), about_file(tmp_path, **changes), zoo=tmp_path / "zoo")
    assert words in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'about.yaml'}: ")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"sha256": "0"}'])
def test_facts_that_are_no_json(tmp_path, content):
    made_zoo(tmp_path)
    (tmp_path / "zoo" / f"{NAME}.json").write_bytes(content)
    with pytest.raises(OrbitileError, match=rf"{NAME}.json: ") as error:
        read_network(NAME, tmp_path / "zoo")
    assert len(str(error.value)) < 600
    assert "\n" not in str(error.value)


def test_what_is_known_stays_and_figures_of_other_weights_go(tmp_path):
    (network,) = made_zoo(tmp_path)
    zoo = tmp_path / "zoo"
    again = add_network(NAME, zoo=zoo)
    assert again.facts == network.facts
    changed = add_network(NAME, about=about_file(tmp_path, licence="CC-BY"), zoo=zoo)
    assert changed.facts.about.licence == "CC-BY"
    assert (changed.facts.held_out, changed.facts.validation) == (network.facts.held_out, network.facts.validation)
    newer = add_network(NAME, training_folder(tmp_path / "t2", 5), zoo=zoo)
    assert newer.facts.about == changed.facts.about
    assert newer.facts.held_out == ()
    check_entry(read_network(NAME, zoo))
    assert sorted(path.name for path in zoo.iterdir()) == [f"{NAME}{end}" for end in (".json", ".md", ".safetensors")]


def test_figures_of_other_weights_are_refused(tmp_path):
    training, other = training_folder(tmp_path / "t"), training_folder(tmp_path / "o", 9)
    figures = evaluation_file(tmp_path, other / "model.safetensors")
    with pytest.raises(OrbitileError, match="holds no figures of these weights"):
        add_network(NAME, training, about_file(tmp_path), figures, zoo=tmp_path / "zoo")
    figures = evaluation_file(tmp_path, training / "model.safetensors", by_score=[])
    with pytest.raises(OrbitileError, match="lacks figures"):
        add_network(NAME, training, about_file(tmp_path), figures, zoo=tmp_path / "zoo")


def test_figures_come_in_the_order_that_is_asked_for(tmp_path):
    training = training_folder(tmp_path / "t")
    path = evaluation_file(tmp_path, training / "model.safetensors")
    result = json.loads(path.read_text())["results"][0]
    results = [result | dict(set=name, title=name) for name in ("ctx", "moon", "nac")]
    path.write_text(json.dumps(dict(results=results)))
    for sets, expected in (((), ["ctx", "moon", "nac"]), (("moon", "ctx"), ["moon", "ctx"])):
        network = add_network(NAME, training, about_file(tmp_path), path, sets, tmp_path / "zoo")
        assert [figures.images for figures in network.facts.held_out] == expected
    with pytest.raises(OrbitileError, match="on themis; evaluate"):
        add_network(NAME, training, about_file(tmp_path), path, ["themis"], tmp_path / "zoo")


def test_what_cannot_be_added(tmp_path, monkeypatch):
    zoo, training = tmp_path / "zoo", training_folder(tmp_path / "t")
    for name, source, about, words in (
        ("a/b", training, about_file(tmp_path), "no name of a network"),
        (NAME, None, about_file(tmp_path), "is not in the zoo yet"),
        (NAME, training, None, "say with --about"),
        (NAME, tmp_path, about_file(tmp_path), "no weights there"),
        (NAME, training / "metrics.json", about_file(tmp_path), "no weights there"),
        (NAME, training, tmp_path / "none.yaml", "cannot be read as YAML"),
    ):
        with pytest.raises(OrbitileError, match=words):
            add_network(name, source, about, zoo=zoo)
    with pytest.raises(OrbitileError, match="names the family 'other'; allowed are yolo"):
        add_network(NAME, training_folder(tmp_path / "f", family="other"), about_file(tmp_path), zoo=zoo)
    monkeypatch.setattr("orbitile.inference.models.zoo_entry.LARGEST_BYTES", 100)
    with pytest.raises(OrbitileError, match="MB; allowed are"):
        add_network(NAME, training, about_file(tmp_path), zoo=zoo)
    assert zoo_names(zoo) == []
    assert LARGEST_BYTES == 12_000_000


def test_files_that_do_not_belong_together(tmp_path):
    (network,) = made_zoo(tmp_path)
    card = tmp_path / "zoo" / f"{NAME}.md"
    card.write_text(card.read_text() + "It is the best.\n")
    with pytest.raises(OrbitileError, match="is not what the facts say"):
        check_entry(network)
    add_network(NAME, zoo=tmp_path / "zoo")
    check_entry(network)
    training_folder(tmp_path / "zoo", 7)
    (tmp_path / "zoo" / "model.safetensors").replace(network.weights)
    with pytest.raises(OrbitileError, match="its SHA-256 is not that of"):
        check_entry(read_network(NAME, tmp_path / "zoo"))
    network.weights.unlink()
    with pytest.raises(OrbitileError, match="has no weights at"):
        check_entry(read_network(NAME, tmp_path / "zoo"))


def test_the_network_of_the_demo_runs_by_its_name(tmp_path):
    add_network(NAME, ROOT / "models" / "moon-relief-474m.safetensors", about_file(tmp_path), zoo=tmp_path / "zoo")
    settings = dict(run="r", body="Moon", scenes="scenes.csv", model=dict(name=NAME, device="cpu"))
    choice = check_settings(settings, ["settings"], tmp_path / "zoo").model_choice
    network = load_network(ModelChoice(**choice))
    assert (network.names, network.channels) == (("crater",), 1)


def test_what_docs_show_of_a_network_is_enough(tmp_path):
    (text,) = [text for text in examples_of("models.md", "yaml") if "training_data" in text]
    about = parse_facts(AboutNetwork, yaml.safe_load(text), Path("docs/models.md"))
    assert set(about.model_fields_set) == set(ABOUT)


def test_a_folder_of_networks_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        OrbitileError, match=r"^model: there is no folder .*; work in a clone of the project, .* or give"
    ):
        read_network("moon-relief-474m", tmp_path / "models")
