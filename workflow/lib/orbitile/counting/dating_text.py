"""The words and citations that a paper needs of how its surfaces were dated."""

from collections.abc import Mapping, Sequence
from typing import Any

from orbitile.counting.ages import stated_age

PROGRAM = "Craterstats {version} (Michael and Neukum 2010; Michael 2013; Michael, Kneissl and Neesemann 2016)"
FIT_SENTENCES = dict(
    poisson="by Poisson timing analysis (Michael, Kneissl and Neesemann 2016)",
    cumulative="by fits to cumulative frequencies in pseudo-logarithmic bins, corrected for larger craters beyond the "
    "range of diameters (Michael and Neukum 2010)",
)
CITATIONS = (
    "Michael, G. G., and G. Neukum (2010), Planetary surface dating from crater size-frequency distribution "
    "measurements: Partial resurfacing events and statistical age uncertainty, Earth and Planetary Science Letters "
    "294, 223-229, doi:10.1016/j.epsl.2009.12.041.",
    "Michael, G. G. (2013), Planetary surface dating from crater size-frequency distribution measurements: Multiple "
    "resurfacing episodes and differential isochron fitting, Icarus 226, 885-890, doi:10.1016/j.icarus.2013.07.004.",
    "Michael, G. G., T. Kneissl, and A. Neesemann (2016), Planetary surface dating from crater size-frequency "
    "distribution measurements: Poisson timing analysis, Icarus 277, 279-285, doi:10.1016/j.icarus.2016.05.019.",
)
KINDS = dict(
    production="production function", chronology="chronology function", epochs="epochs",
    equilibrium="equilibrium function",
)  # fmt: skip


def dating_text(reply: Mapping[str, Any], fits: Sequence[str], areas: Sequence[Mapping[str, Any]]) -> str:
    """Paragraphs and citations, of Craterstats' `reply` and of the entries of ages.json."""
    functions = reply["functions"]
    used = ", ".join(f"the {KINDS[kind]} {function['name']}" for kind, function in functions.items())
    how = ", and ".join(FIT_SENTENCES[fit] for fit in fits)
    draws = max((age["machine"]["draws"] for area in areas for age in area["ages"] if age.get("machine")), default=0)
    spread = (
        "Errors hold one sigma of Poisson's distribution and of the network's errors together: Poisson's ages are "
        f"those of the mean of the probabilities of {draws} draws of each count; to errors of fits to frequencies "
        "the spread of the ages of these draws is added in quadrature."
        if draws
        else "Errors are one sigma of Poisson's distribution; what the network may have got wrong is not in them."
    )
    references = [
        f"{KINDS[kind].capitalize()} {function['name']}: {function['reference'] or 'see the functions of Craterstats'}"
        for kind, function in functions.items()
    ]
    return "\n\n".join([
        f"Ages were computed with {PROGRAM.format(version=reply['version'])} in the chronology system "
        f"{reply['chronology_system']} ({used}), {how}. Errors of the chronology itself are in none of them.",
        spread,
        "\n".join(_results(areas)),
        "\n".join(["References", *CITATIONS, *references]),
    ]) + "\n"  # fmt: skip


def _results(areas: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for area in areas:
        for age in area["ages"]:
            least, most = age["range_km"]
            limits = f"{least:.4g} to {most:.4g} km" if most else f"{least:.4g} km and more"
            result = f"{stated_age(age)}, {age['craters']:,} craters" if "age_ga" in age else age["reason"]
            lines.append(f"{area['name']}, {age['fit']}, {limits}: {result}")
    return lines
