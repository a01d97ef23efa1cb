"""The words and citations that the methods section of a paper needs, made from a run's settings and results."""

from collections.abc import Mapping, Sequence
from typing import Any

from orbitile.counting.completeness_correction import CORRECT, LIMIT
from orbitile.counting.count_craters import BUFFERED, CENTRE, NON_SPARSENESS
from orbitile.counting.searched_ground import DiameterRange

CITATIONS = {
    "techniques": "Crater Analysis Techniques Working Group (1979), Standard techniques for presentation and analysis "
    "of crater size-frequency data, Icarus 37, 467-474.",
    "neukum": "Neukum, G. (1983), Meteoritenbombardement und Datierung planetarer Oberflaechen, habilitation thesis, "
    "University of Munich.",
    "michael": "Michael, G. G., and G. Neukum (2010), Planetary surface dating from crater size-frequency distribution "
    "measurements: Partial resurfacing events and statistical age uncertainty, Earth and Planetary Science Letters "
    "294, 223-229.",
    "hartmann": "Hartmann, W. K. (2005), Martian cratering 8: Isochron refinement and the chronology of Mars, Icarus "
    "174, 294-320.",
    BUFFERED: "Fassett, C. I., and J. W. Head (2008), The timing of martian valley network activity: Constraints from "
    "buffered crater counting, Icarus 195, 61-89.",
    NON_SPARSENESS: "Kneissl, T., G. G. Michael, and N. Schmedemann (2016), Treatment of non-sparse cratering in "
    "planetary surface dating, Icarus 277, 187-195.",
}
BINNINGS = {
    "pseudo_log": "pseudo-logarithmic bins, 18 per decade (Neukum 1983)",
    "10_per_decade": "ten bins per decade", "20_per_decade": "twenty bins per decade",
    "root_2": "bins of the width of a factor of the square root of 2",
    "fourth_root_2": "bins of the width of a factor of the fourth root of 2", "none": "no bins",
}  # fmt: skip
SOURCES = dict(pseudo_log="neukum", root_2="hartmann")


def methods_text(
    catalogue: Mapping[str, Any], settings: Mapping[str, Any], completeness: Mapping[str, Any],
    scales: Mapping[float, DiameterRange], areas: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """Paragraphs and citations.

    `catalogue` is what its manifest says, `settings` are those of counting, `completeness` what
    CompletenessCorrection.stated says, `areas` the entries of counts.json.
    """
    paragraphs = [
        _detection(catalogue), _ground(settings, scales), _method(settings), _errors(catalogue, settings, completeness),
        _frequencies(settings), _spread(settings), _results(areas),
    ]  # fmt: skip
    names = {"techniques", "michael", SOURCES.get(settings["binning"]), settings["method"]}
    references = "\n".join(text for name, text in CITATIONS.items() if name in names)
    return "\n\n".join([*paragraphs, f"References\n{references}"]) + "\n"


def _detection(catalogue: Mapping[str, Any]) -> str:
    model = catalogue.get("model") or "a network of the user's"
    weights = str(catalogue.get("model_sha256") or "")[:12]
    errors = catalogue.get("errors") or {}
    scales = ", ".join(f"{scale:g}" for scale in catalogue.get("scales_m", ()))
    stated = f" What is known of its errors: {errors['text']}." if errors.get("text") else ""
    score = f", with scores from {errors['score_threshold']:g} on" if errors.get("score_threshold") is not None else ""
    return (
        f"Craters of {catalogue['body']} were detected with Orbitile {catalogue.get('orbitile_version', '')} (commit "
        f"{str(catalogue.get('orbitile_commit', 'unknown'))[:12]}) and the network {model} (SHA-256 {weights}...) at "
        f"{scales} m/px{score}; the catalogue has {catalogue['rows']:,} craters.{stated}"
    )


def _ground(settings: Mapping[str, Any], scales: Mapping[float, DiameterRange]) -> str:
    held = "; ".join(f"{r.least_km:.4g} to {r.most_km:.4g} km at {scale:g} m/px" for scale, r in scales.items())
    hidden = f", less the polygons of {settings['excluded']}" if settings.get("excluded") else ""
    return (
        f"The counting area of a diameter is the ground with valid pixels at a scale that holds it ({held}) inside the "
        f"polygon{hidden}, measured on the sphere. Larger craters are not counted, nor in cumulative frequencies."
    )


def _method(settings: Mapping[str, Any]) -> str:
    method = settings["method"]
    if method == BUFFERED:
        return (
            f"Craters were counted by buffered crater counting (Fassett and Head 2008): all that reach the area with "
            f"{settings['buffer_radii']:g} radii around their centres, on the area widened by as much for each of them."
        )
    if method == NON_SPARSENESS:
        return (
            "Craters were counted with the non-sparseness correction (Kneissl et al. 2016): by their centres, outside "
            f"of larger craters and of {settings['ejecta_radii']:g} radii of ejecta around their rims, on the ground "
            "that these leave."
        )
    assert method == CENTRE
    return "Craters were counted that have their centres in the area."


def _errors(catalogue: Mapping[str, Any], settings: Mapping[str, Any], completeness: Mapping[str, Any]) -> str:
    is_weighted = settings["probabilities"] and catalogue.get("errors")
    weighted = "Each crater counts with its calibrated probability of being one. " if is_weighted else (
        "Every detection counts in full: none is taken for false. "
    )  # fmt: skip
    correction = {
        CORRECT: "each counts for 1 / completeness at its diameter, by the calibration's curve",
        LIMIT: "no correction is made for those that were missed above it",
    }.get(completeness["mode"], "nothing is corrected for missed craters")
    start = f"from {completeness['from_km']:.4g} km on" if completeness["from_km"] else "at all diameters that show"
    unlike = (catalogue.get("errors") or {}).get("unlike_scenes")
    doubt = f" This may not hold on {unlike} scenes whose images are unlike those of the calibration." if unlike else ""
    return f"{weighted}Craters count {start} ({completeness['reason']}); {correction}.{doubt}"


def _frequencies(settings: Mapping[str, Any]) -> str:
    return (
        "Cumulative, differential and relative (R) frequencies follow the Crater Analysis Techniques Working Group "
        f"(1979) and Michael and Neukum (2010), with {BINNINGS[settings['binning']]}; errors are one sigma "
        "of Poisson's distribution."
    )


def _spread(settings: Mapping[str, Any]) -> str:
    if not settings["draws"]:
        return "No draws were made of what the network may have got wrong."
    return (
        f"What the network may have got wrong is shown by {settings['draws']} draws (seed {settings['seed']}): each "
        f"crater with its probability, and with a diameter that is off by {settings['size_error']:.1%} (one sigma)."
    )


def _results(areas: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"{area['name']}: {area['craters']:,} craters ({area['expected']:,.1f} expected true ones) of "
        f"{area['from_km']:.4g} to {area['to_km']:.4g} km on {area['searched_km2']:,.6g} km2"
        for area in areas
    ]
    return "\n".join(lines)
