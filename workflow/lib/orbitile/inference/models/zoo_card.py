"""What is said of networks of the zoo: the card of each, in Markdown, and a table of all of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orbitile.inference.models.weights_header import PURPOSE
from orbitile.inference.models.zoo import (
    AdvisedScale,
    Estimate,
    HeldOutFigures,
    NetworkFacts,
    SizeFigures,
    ZooNetwork,
)

SHOWN = ("family", "network", "names", "channels", "score_threshold", "calibration", *PURPOSE)
"""What weights state that a card has a place for, or no room."""


def network_card(facts: NetworkFacts, name: str, description: Mapping[str, object]) -> str:
    """The card of a network in Markdown, from its facts and from what its weights say of themselves."""
    about = facts.about
    parts = [
        f"# {name}", f"{about.title}. Use it with `model: {name}`.", _fact_table(facts, description),
        "## How it is used", _use_text(facts, description), _scale_table(about.scales, about.gsd_m),
        "## How good it is", *_quality(facts), calibration_text(description.get("calibration")),
        "## Where it fails", "\n".join(f"- {line}" for line in about.fails),
        "## What it learnt from", about.trained + ".", _data_list(facts),
        _validation_text(facts, description),
    ]  # fmt: skip
    return "\n\n".join(filter(None, parts)) + "\n"


def network_table(networks: Sequence[ZooNetwork]) -> str:
    """The networks, a line each: name, body, images, m/px, F1 on images that they have not seen, size."""
    head = ("name", "body", "images", "m/px", "F1", "MB")
    rows = [head, *map(_row, networks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", "F1 on images that a network has not seen; `models NAME` shows its card."])


def _row(network: ZooNetwork) -> tuple[str, ...]:
    about, held_out = network.facts.about, network.facts.held_out
    size = f"{network.weights.stat().st_size / 1e6:.1f}" if network.weights.is_file() else "missing"
    f1 = _estimate(held_out[0].f1, ".2f") if held_out else "-"
    return network.name, about.body, about.images, f"{about.gsd_m:g}", f1, size


def _classes(description: Mapping[str, object]) -> str:
    names = description.get("names")
    classes = names.values() if isinstance(names, Mapping) else names if isinstance(names, list) else ["crater"]
    return ", ".join(f"{name}s" for name in classes)


def _fact_table(facts: NetworkFacts, description: Mapping[str, object]) -> str:
    about, (low, high), channels = facts.about, facts.about.gsd_range_m, description.get("channels", 1)
    bands = "one grey band" if channels == 1 else f"{channels} bands"
    rows = [
        ("finds", _classes(description)), ("body", about.body), ("images", about.images),
        ("bands", f"{bands}, 8 bit by the stretch of each scene"),
        ("ground sample distance", f"{about.gsd_m:g} m/px, tried on {low:g} to {high:g} m/px"),
        ("family", str(description.get("family"))), ("licence", about.licence), ("SHA-256", f"`{facts.sha256}`"),
    ]  # fmt: skip
    further = {key: value for key, value in description.items() if key not in SHOWN}
    rows += [
        ("the weights state", ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in sorted(further.items())))
    ]
    return markdown_table(("", ""), [row for row in rows if row[1]])


def _use_text(facts: NetworkFacts, description: Mapping[str, object]) -> str:
    """The settings that it brings, as they stand in the settings."""
    stated = description.get("score_threshold")
    suppression = {} if stated is None else dict(score_threshold=stated)
    sections = facts.about.settings
    suppression |= sections.get("suppression", {})
    defaults = sections | (dict(suppression=suppression) if suppression else {})
    lines = [f"- `{key}: {json.dumps(value)}`" for key, value in sorted(_flat(defaults))]
    return "\n".join(["Where the settings leave them out, these hold:", "", *lines]) if lines else ""


def _flat(sections: Mapping[str, object], before: str = "") -> Iterable[tuple[str, object]]:
    for key, value in sections.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _scale_table(scales: Sequence[AdvisedScale], gsd_m: float) -> str:
    head = ("m/px", "tile (px)", "overlap (px)", "diameters (px)", "diameters (m)")
    rows = [_scale_row(scale, scale.gsd_m(gsd_m), scale is scales[-1]) for scale in scales]
    return "Scales, which are multiples of `gsd_m`:\n\n" + markdown_table(head, rows)


def _scale_row(scale: AdvisedScale, gsd_m: float, is_coarsest: bool) -> list[str]:
    """Up to the size that is always complete in a tile, as the settings have it where no largest one is named."""
    least, largest = scale.min_object_px, scale.max_object_px or scale.overlap_px - 8
    more = " and more" if is_coarsest else ""
    sizes = [f"{least * unit:g} to {largest * unit:g}{more}" for unit in (1, gsd_m)]
    enlarged = f", enlarged {scale.enlarge} x" if scale.enlarge > 1 else ""
    return [f"{gsd_m:g}{enlarged}", str(scale.tile_px), str(scale.overlap_px), *sizes]


def _quality(facts: NetworkFacts) -> list[str]:
    if not facts.held_out:
        return ["Not yet measured on images that it has not seen."]
    return [text for figures in facts.held_out for text in (_held_out_text(figures), _size_table(figures.by_size))]


def _held_out_text(figures: HeldOutFigures) -> str:
    placed = [
        f"found diameters are {figures.diameter_ratio:.2f} of the true ones" if figures.diameter_ratio else "",
        f"centres are {figures.offset_px:.2f} px off" if figures.offset_px is not None else "",
    ]
    medians = " and ".join(filter(None, placed))
    return (
        f"**{figures.images}**: F1 {_estimate(figures.f1)}, precision {_estimate(figures.precision)}, recall "
        f"{_estimate(figures.recall)}; {figures.n_truth} true craters, IoU {figures.iou:g}, scores from "
        f"{figures.score_threshold:g} on. {figures.why} Brackets hold 95 %, drawn from {figures.units}."
        + (f" In the median {medians}." if medians else "")
    )


def _size_table(by_size: Sequence[SizeFigures]) -> str:
    head = ("diameter (px)", "true craters", "recall", "precision", "F1", "diameter, found / true")
    rows = [
        [f"{row.from_px:g} to {row.to_px:g}" if row.to_px else f"{row.from_px:g} and more", str(row.n_truth),
         _estimate(row.recall), f"{row.precision:.3f}", f"{row.f1:.3f}",
         f"{row.diameter_ratio:.2f}" if row.diameter_ratio else "-"]
        for row in by_size
    ]  # fmt: skip
    return markdown_table(head, rows)


def _estimate(figure: Estimate, digits: str = ".3f") -> str:
    low_high = figure.interval and f" ({figure.interval[0]:{digits}} to {figure.interval[1]:{digits}})"
    return f"{figure.value:{digits}}{low_high or ''}"


def _data_list(facts: NetworkFacts) -> str:
    return "\n".join(
        f"- {data.name}: {data.credit}. {data.licence}" + (f", {data.url}" if data.url else "")
        for data in facts.about.training_data
    )


def _validation_text(facts: NetworkFacts, description: Mapping[str, object]) -> str:
    figures, score = facts.validation, description.get("score_threshold")
    if figures is None:
        return ""
    at_score = f" at a score of {score:.2f}" if isinstance(score, int | float) else ""
    return (
        f"{course_text(figures.epoch, figures.epochs, figures.hours_on)} On its validation scenes, which "
        f"epoch and score were chosen by: F1 {figures.f1:.3f}, precision {figures.precision:.3f}, recall "
        f"{figures.recall:.3f}{at_score}, {figures.n_truth} true craters."
    )


def calibration_text(stated: object) -> str:
    """What the calibration in weights says of their scores, in words; empty where they state none."""
    if not isinstance(stated, Mapping) or not isinstance(figures := stated.get("figures"), Mapping):
        return ""
    if "classes" in figures:
        lines = [_pixel_text(name, of_class) for name, of_class in figures["classes"].items()]
        return f"{' '.join(lines)} By {stated['basis']}, in {stated['blocks']} {stated['unit']}."
    before, after = (figures["calibration_error"][name] for name in ("before", "after"))
    if before is None:
        return f"Nothing is known of what scores are worth: no detection counts among {stated['basis']}."
    errors = f"Scores are off by {before['value']:.3f} as probabilities of being true (expected calibration error)"
    if after:
        errors += f"; the column `probability` by {after['value']:.3f}, by fits to other blocks"
    promises = _promises(figures, "score")
    bounds = f"With 90 % confidence the share of false rows is at most {promises}. " if promises else ""
    return f"{errors}. {bounds}By {stated['basis']}, in {stated['blocks']} {stated['unit']}."


def _promises(figures: Mapping[str, Any], score: str) -> str:
    """The shares that are bounded, and from which score on; empty where none is."""
    return ", ".join(
        f"{row['max_fdr']:.0%} from a {score} of {row['score']:.2f} on (recall {row['recall']:.2f})"
        for row in figures["bounds"]
        if row["score"] is not None
    )


def _pixel_text(name: str, figures: Mapping[str, Any]) -> str:
    """What is known of the probabilities of a class of pixels."""
    before, after = (figures["calibration_error"][key] for key in ("before", "after"))
    errors = f"Probabilities of {name} are off by {before['value']:.3f} (expected calibration error)"
    if after:
        errors += f", calibrated by fits to other squares by {after['value']:.3f}"
    promises = _promises(figures, "probability")
    bounds = f" With 90 % confidence the share of false pixels is at most {promises}." if promises else ""
    return f"{errors}.{bounds}"


def course_text(epoch: int, epochs: int, hours_on: Mapping[str, float]) -> str:
    """The best epoch of a training, how many there were, and the hours by the hardware they were spent on."""
    spent = ", ".join(f"{hours:.2f} h on {hardware}" for hardware, hours in hours_on.items())
    return f"Best of {epochs} epochs was {epoch}; training took {spent}."


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def card_path(network: ZooNetwork) -> Path:
    """Where a network's card lies."""
    return network.weights.with_suffix(".md")
