"""How a network gets into the zoo: its weights, its facts and its card are written together, and checked."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from orbitile.base.errors import OrbitileError
from orbitile.base.files import publish, scratch, sha256
from orbitile.base.messages import shortened
from orbitile.base.names import is_plain_name
from orbitile.inference.models.zoo import (
    ZOO,
    AboutNetwork,
    Estimate,
    HeldOutFigures,
    NetworkFacts,
    SizeFigures,
    ValidationFigures,
    ZooNetwork,
    parse_facts,
    read_network,
)
from orbitile.inference.models.zoo_card import card_path, network_card

LARGEST_BYTES = 12_000_000
"""Of the weights of a network in the zoo: the project carries all of them."""


def add_network(
    name: str,
    source: Path | None = None,
    about: Path | None = None,
    evaluation: Path | None = None,
    sets: Sequence[str] = (),
    zoo: Path = ZOO,
) -> ZooNetwork:
    """Put a network into a zoo, or change what is there.

    `source` is the folder of a training (results/RUN/training), or a file of weights; `about` is the YAML or JSON of
    AboutNetwork; `evaluation` is the figures.json of models/evaluate.py, of which the figures on `sets` of images are
    taken, in this order, all if it names none. What is None stays as it is, except that figures of other weights go.
    OrbitileError for a name that cannot be, facts that are missing, large weights, figures of other weights.
    """
    earlier = read_network(name, zoo) if (zoo / f"{name}.json").is_file() else None
    weights = _weights(name, source, earlier)
    purpose = _read_about(about) if about else earlier.facts.about if earlier else None
    if purpose is None:
        raise OrbitileError(f"{name}: say with --about what the network is for, as docs/models.md shows")
    key = sha256(weights)
    same = earlier if earlier and earlier.facts.sha256 == key else None
    validation = _read_validation(weights.with_name("metrics.json")) or (same.facts.validation if same else None)
    held_out = _read_held_out(name, key, evaluation, sets) if evaluation else same.facts.held_out if same else ()
    facts = NetworkFacts(sha256=key, about=purpose, validation=validation, held_out=held_out)
    return _write(ZooNetwork(name, facts, weights), zoo)


def check_entry(network: ZooNetwork) -> None:
    """OrbitileError where a network's files do not belong together, or its weights are too large for the project."""
    size = network.weights.stat().st_size if network.weights.is_file() else 0
    if size > LARGEST_BYTES:
        raise OrbitileError(f"{network.weights}: has {size / 1e6:.1f} MB; allowed are {LARGEST_BYTES / 1e6:g} MB")
    card = network_card(network.facts, network.name, network.description)
    if sha256(network.weights) != network.facts.sha256:
        raise OrbitileError(f"{network.weights}: its SHA-256 is not that of {network.name}.json; add it anew")
    path = card_path(network)
    if not path.is_file() or path.read_text() != card:
        raise OrbitileError(f"{path}: is not what the facts say; write it anew with models/add.py {network.name}")


def _weights(name: str, source: Path | None, earlier: ZooNetwork | None) -> Path:
    if not is_plain_name(name):
        raise OrbitileError(f"{shortened(name)!r}: no name of a network; allowed are letters, digits, _, . and -")
    if source is None and earlier is None:
        raise OrbitileError(f"{name}: is not in the zoo yet; name the folder of its training, or its weights")
    path = earlier.weights if source is None and earlier else Path(source or "")
    path = path / "model.safetensors" if path.is_dir() else path
    if path.suffix != ".safetensors" or not path.is_file():
        raise OrbitileError(f"{path}: no weights there; name the folder of a training, or a .safetensors")
    return path


def _read_about(path: Path) -> AboutNetwork:
    import yaml  # only where a network is added

    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise OrbitileError(f"{path}: cannot be read as YAML ({shortened(str(error), 200)})") from error
    return parse_facts(AboutNetwork, content, path)


def _read_validation(metrics: Path) -> ValidationFigures | None:
    """The figures in the metrics of a training; None where there are none beside the weights."""
    if not metrics.is_file():
        return None
    figures = _read_json(metrics)
    best = figures.get("best_epoch", {})
    measures = {name: best.get(name) for name in ("f1", "precision", "recall", "n_truth")}
    course = {name: figures.get(name) for name in ("epoch", "epochs", "hours_on")}
    return parse_facts(ValidationFigures, measures | course, metrics)


def _read_held_out(name: str, key: str, path: Path, sets: Sequence[str]) -> tuple[HeldOutFigures, ...]:
    """The figures of the weights with a hash, by sets of images."""
    every = [result for result in _read_json(path).get("results", []) if result.get("sha256") == key]
    results = {str(result.get("set")): result for result in every}
    missing = [images for images in sets if images not in results]
    if missing or not results:
        raise OrbitileError(
            f"{path}: holds no figures of these weights ({name}){f' on {missing[0]}' if missing else ''}; "
            "evaluate them with models/evaluate.py"
        )
    return tuple(_held_out(results[images], path) for images in sets or results)


def _held_out(result: Mapping[str, Any], path: Path) -> HeldOutFigures:
    try:
        metrics = result["metrics"]
        return HeldOutFigures(
            images=result["title"], why=result["why"], iou=metrics["iou"], n_truth=metrics["n_truth"],
            score_threshold=metrics["by_score"][0]["score"],
            units=f"{metrics['intervals']['units']} {metrics['intervals']['unit']}",
            f1=_estimate(metrics, "f1"), precision=_estimate(metrics, "precision"), recall=_estimate(metrics, "recall"),
            diameter_ratio=_median(metrics["diameter_ratio"]), offset_px=_median(metrics["center_offset_px"]),
            by_size=tuple(map(_size, metrics["by_size_px"])),
        )  # fmt: skip
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise OrbitileError(f"{path}: lacks figures ({shortened(str(error), 200)}); evaluate again") from error


def _size(figures: Mapping[str, Any]) -> SizeFigures:
    return SizeFigures(
        from_px=figures["from"], to_px=figures["to"], n_truth=figures["n_truth"], recall=_estimate(figures, "recall"),
        precision=_rounded(figures["precision"]), f1=_rounded(figures["f1"]),
        diameter_ratio=_median(figures["diameter_ratio"]),
    )  # fmt: skip


def _estimate(figures: Mapping[str, Any], name: str) -> Estimate:
    limits: Sequence[float] | None = figures["intervals"][name]
    interval = (_rounded(limits[0]), _rounded(limits[1])) if limits else None
    return Estimate(value=_rounded(figures[name]), interval=interval)


def _median(spread: Mapping[str, float] | None) -> float | None:
    return _rounded(spread["median"]) if spread else None


def _rounded(value: float) -> float:
    """To more digits than a card shows."""
    return round(value, 6)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise OrbitileError(f"{path}: cannot be read as JSON ({shortened(str(error), 200)})") from error
    if not isinstance(content, dict):
        raise OrbitileError(f"{path}: holds no figures by name")
    return content


def _write(network: ZooNetwork, zoo: Path) -> ZooNetwork:
    """Put weights, facts and card in place, all checked before any of them is."""
    placed = ZooNetwork(network.name, network.facts, zoo / f"{network.name}.safetensors")
    paths = [placed.weights, placed.weights.with_suffix(".json"), card_path(placed)]
    with ExitStack() as stack:
        weights, facts, card = temporary = [stack.enter_context(scratch(path)) for path in paths]
        shutil.copyfile(network.weights, weights)
        facts.write_text(json.dumps(network.facts.model_dump(mode="json", exclude_none=True), indent=2) + "\n")
        card.write_text(network_card(network.facts, network.name, network.description))
        if weights.stat().st_size > LARGEST_BYTES:
            raise OrbitileError(f"{network.weights}: has {weights.stat().st_size / 1e6:.1f} MB; allowed are "
                                f"{LARGEST_BYTES / 1e6:g} MB")  # fmt: skip
        if sha256(weights) != network.facts.sha256:
            raise OrbitileError(f"{network.weights}: changed while it was copied; add it again")
        publish(dict(zip(temporary, paths, strict=True)))
    return placed
