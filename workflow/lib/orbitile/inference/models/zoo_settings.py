"""What a network of the zoo brings to the settings of a run: weights, hash, and defaults for what these leave out."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.inference.models.weights_header import STRETCHES, stated_purpose, stated_stretch
from orbitile.inference.models.zoo import ZOO, ZooNetwork, read_network, zoo_names

ERRORS = ("max_fdr", "min_recall")
"""Keys of the section `suppression` that choose the score threshold."""


def network_of_settings(config: Mapping[str, Any], zoo: Path = ZOO) -> ZooNetwork | None:
    """The network of the zoo that settings name (`model: NAME` or `model: {name: NAME}`); None where they name none.

    OrbitileError for an unknown name, and for what is neither a name nor a section.
    """
    model = config.get("model")
    if isinstance(model, bool | int | float | list | tuple):
        raise OrbitileError(f"model: {shortened(repr(model))} given; allowed are the name of a network in models/, or "
                            "{weights: FILE, sha256: HASH}")  # fmt: skip
    name = model.get("name") if isinstance(model, Mapping) else model
    return read_network(name, zoo) if isinstance(name, str) else None


def with_stated_purpose(config: Mapping[str, Any], zoo: Path = ZOO) -> Mapping[str, Any]:
    """Settings that name weights by their file, with what the zoo, or else the file itself, says that they are for.

    Images are stretched as those were that the weights were trained on, if the file says so. What the settings state
    themselves stays. OrbitileError as of stated_purpose.
    """
    model = config.get("model")
    if not isinstance(model, Mapping) or model.get("name") is not None:
        return config
    network = next((each for each in map(partial(read_network, zoo=zoo), zoo_names(zoo))
                    if each.facts.sha256 == model.get("sha256")), None)  # fmt: skip
    weights = model.get("weights")
    if network:
        return {**config, "model": _purpose(network) | dict(model)}
    if not isinstance(weights, str | Path) or "\0" in str(weights):
        return config
    purpose, stretch = stated_purpose(weights), {} if _states_stretch(config) else stated_stretch(weights)
    return {**stretch, **config, "model": purpose | dict(model)} if purpose or stretch else config


def _states_stretch(config: Mapping[str, Any]) -> bool:
    return any(config.get(name) is not None for name in STRETCHES)


def with_network_defaults(config: Mapping[str, Any], network: ZooNetwork) -> dict[str, Any]:
    """Settings with what a network brings: what they state themselves goes before its defaults.

    Scales are multiples of `gsd_m` in metres per pixel, by default of the network's. OrbitileError where the settings
    name other weights as well.
    """
    about, sections = network.facts.about, network.facts.about.settings
    suppression = sections.get("suppression", {})
    if network.score_threshold is not None:
        suppression = suppression | dict(score_threshold=network.score_threshold)
    stated = config.get("suppression", {})
    if isinstance(stated, Mapping) and any(stated.get(name) is not None for name in ERRORS):
        suppression = {name: value for name, value in suppression.items() if name != "score_threshold"}
    filled = {name: value for name, value in sections.items() if name.startswith("stretch_")}
    if _states_stretch(config):
        filled = {}  # percentiles of the user are not to lose against values of the network
    filled |= config
    filled["model"] = sections.get("model", {}) | _model(config["model"], network)
    filled["suppression"] = _merged(suppression, config.get("suppression", {}))
    if config.get("scales") is None:
        finest_m = config.get("gsd_m")
        finest_m = about.gsd_m if finest_m is None else finest_m
        if isinstance(finest_m, bool) or not isinstance(finest_m, int | float):
            raise OrbitileError(f"gsd_m: {shortened(repr(finest_m))} given; allowed are metres per pixel")
        filled["scales"] = [scale.settings(finest_m) for scale in about.scales]
    return filled


def _model(section: str | Mapping[str, Any], network: ZooNetwork) -> dict[str, Any]:
    """The section `model`, filled; OrbitileError where it states what the name stands for as something else."""
    stated = dict(name=section) if isinstance(section, str) else dict(section)
    brought: dict[str, Any] = dict(
        name=network.name, weights=short_path(network.weights), sha256=network.facts.sha256, family=network.family
    )
    for key, value in brought.items():
        if key in stated and str(stated[key]) != str(value):
            raise OrbitileError(
                f"model.{key}: {shortened(str(stated[key]))} given beside the name {network.name}, which brings "
                "its own; leave either out"
            )
    return _purpose(network) | stated | brought


def _purpose(network: ZooNetwork) -> dict[str, Any]:
    """What a network is for, by keys of the section `model`."""
    about = network.facts.about
    return dict(gsd_range_m=list(about.gsd_range_m), body=about.body, images=about.images)


def _merged(defaults: Mapping[str, Any], section: object) -> object:
    """A section over defaults; what is no section stays, for the settings to refuse it."""
    return {**defaults, **section} if isinstance(section, Mapping) else section


def short_path(path: Path) -> str:
    """A path as it counts from the working folder, where it lies in it: results keep when the folder is moved."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
