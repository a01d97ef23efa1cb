"""Ages of surfaces by Craterstats, run by the Python of Craterstats' own environment: JSON in, JSON out.

    .craterstats/bin/python craterstats_ages.py REQUEST.json REPLY.json

A request without areas asks for the chronology systems alone. Nothing of Orbitile is imported: its Python is another.
All dates of a run are made in one process, hundreds of counts of an area in seconds.

Poisson: the probability of ages by the number of craters in a range of diameters (Michael, Kneissl and Neesemann 2016),
of several draws of a count the mean of all (the law of total probability). Where craters count on different ground,
the expected number is that of the production function on the ground of each diameter. Cumulative: the fit of the
production function to cumulative frequencies in pseudo-logarithmic bins, with Michael and Neukum's (2010) correction
for craters beyond the range, where that has an end.
"""

import contextlib
import copy
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

import craterstats as cst
import numpy as np
from craterstats import cli

BINNING = "pseudo-log"
DIAMETERS_OF_GROUND = 2000
"""Diameters at which the production function on ground that differs with the diameter is added up."""
CHANGES = np.linspace(-10, 5, 5000)
"""Logarithms of frequencies, beside those of 1 Ga, at which Craterstats computes the probability of ages."""
PERCENTILES = (0.5, 0.15865525393145707, 0.8413447460685429, 0.025, 0.975)
"""The median, one standard deviation of a normal distribution below and above, and the limits of 19 of 20."""
SIGMAS_OF_95 = 1.959963984540054
SAME_GROUND = 1e-6
YOUNGEST_GA = 1e-9
BEYOND_LARGEST = 1.05
"""How far beyond the largest crater lines of ages without an end are drawn."""
AGES_APART = 6
"""By how many twentieths of a decade the text of an age is above that of the one before."""
FILLED_CIRCLE = 10
Json = Mapping[str, Any]
Age = dict[str, Any]
Range = tuple[float, float]


class RequestError(Exception):
    """A request that cannot be served, with the reason in a line."""


def main(request_path: str, reply_path: str) -> None:
    """Serve a request; the reply holds `refused` with the reason where that cannot be."""
    request = json.loads(Path(request_path).read_text())
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            reply = serve(request)
    except RequestError as error:
        reply = dict(refused=str(error))
    Path(reply_path).write_text(json.dumps(reply))


def serve(request: Json) -> Age:
    """The reply to a request: the chronology, and the ages of each area."""
    functions = cst.Functionslist().functions
    systems = [dict(body=system["body"], name=system["name"]) for system in functions["chronology_system"]]
    reply = dict(version=cst.__version__, systems=systems)
    if "areas" not in request:
        return reply
    chronology = Chronology(functions, request)
    return reply | chronology.stated() | dict(areas=[area_ages(area, chronology) for area in request["areas"]])


class Chronology:
    """A chronology system with its functions, and the names of epochs and of an equilibrium function, or None."""

    def __init__(self, functions: Json, request: Json) -> None:
        every = functions["chronology_system"]
        systems = [system for system in every if system["body"].lower() == request["body"].lower()]
        if not systems:
            bodies = ", ".join(dict.fromkeys(system["body"] for system in every))
            raise RequestError(
                f"dating.chronology_system: Craterstats has none for {request['body']}; it has those of {bodies}"
            )
        self.system = choose("chronology_system", request["chronology_system"], systems)
        self.epochs, self.equilibrium = (
            choose(key, request[key], functions[key])["name"] if request.get(key) else None
            for key in ("epochs", "equilibrium")
        )
        self.production = cst.Productionfn(functions, self.system["pf"])
        self.ages = cst.Chronologyfn(functions, self.system["cf"])
        self.functions = functions

    def stated(self) -> Age:
        """Names, and the references that Craterstats' list of functions gives."""
        names = dict(
            production=self.system["pf"], chronology=self.system["cf"], epochs=self.epochs, equilibrium=self.equilibrium
        )
        used = {
            kind: dict(name=name, reference=next(f.get("reference") for f in self.functions[kind] if f["name"] == name))
            for kind, name in names.items()
            if name
        }
        return dict(chronology_system=self.system["name"], functions=used)


def choose(key: str, name: str, candidates: Sequence[Json]) -> Json:
    """The candidate of a name, or of an abbreviation of it that fits no other."""
    names = [candidate["name"] for candidate in candidates]
    fits = [number for number, full in enumerate(names) if full == name] or [
        number for number, full in enumerate(names) if abbreviates(name, full)
    ]
    if len(fits) != 1:
        problem = "may be several" if fits else "is none"
        raise RequestError(f"dating.{key}: {name!r} {problem} of Craterstats'; there are: {'; '.join(names)}")
    return candidates[fits[0]]


def abbreviates(name: str, full: str) -> bool:
    """Whether all characters of a name come in this order, as neukumivanov in Mars, Neukum-Ivanov (2001)."""
    remaining = iter(full.lower())
    return bool(name) and all(character in remaining for character in name.lower())


class Count:
    """Craters of an area: diameters in kilometres, the ground in km2 on which each counts, how many craters each is.

    The last is 1 unless the request says `expected`: less where a crater may be none.
    """

    def __init__(self, craters: Json, area: Json) -> None:
        self.diameter_km = np.array(craters["diameter_km"], float)
        self.ground_km2 = np.broadcast_to(np.array(craters["ground_km2"], float), self.diameter_km.shape)
        self.expected = np.broadcast_to(np.array(craters.get("expected", 1.0), float), self.diameter_km.shape)
        self.area = area

    def inside(self, range_km: Range) -> np.ndarray:
        """Which craters (n; bool) lie in a range of diameters."""
        return (self.diameter_km >= range_km[0]) & (self.diameter_km < range_km[1])

    def of_craterstats(self) -> cst.Cratercount:
        """For fits and plots of frequencies; a crater on less ground than the area's is more than one."""
        count, order = cst.Cratercount(), np.argsort(self.diameter_km)
        count.name = count.filename = self.area["name"]
        count.n_sigma, count.n_trials = None, None
        count.area = self.area["searched_km2"]
        count.diam = self.diameter_km[order].tolist()
        count.fraction = (self.expected * count.area / self.ground_km2)[order].tolist()
        return count


def area_ages(area: Json, chronology: Chronology) -> Age:
    """The ages of an area by each fit, and the names of its plots."""
    count = Count(area["craters"], area)
    draws = [Count(craters, area) for craters in area.get("draws", ())]
    ages = [attempt(fit, count, draws, chronology) for fit in area["fits"]]
    pictures = plots(area, count, chronology, ages) if area.get("plot") and len(count.diameter_km) else []
    return dict(ages=[{k: v for k, v in age.items() if k != "probability"} for age in ages], plots=pictures)


def attempt(fit: str, count: Count, draws: Sequence[Count], chronology: Chronology) -> Age:
    """The age by a fit, or the reason why there is none."""
    answer: Age = dict(fit=fit, range_km=count.area["range_km"])
    try:
        range_km = clipped_range(*count.area["range_km"], chronology)
        if fit == "cumulative":
            range_km = next_limit(range_km[0]), range_km[1]
        answer |= dict(range_km=[range_km[0], None if range_km[1] == np.inf else range_km[1]])
        return answer | FITS[fit](count, draws, chronology, range_km)
    except (RequestError, SystemExit, ValueError, RuntimeError, IndexError) as error:
        return answer | dict(reason=" ".join(str(error).split()) or "Craterstats cannot fit it")


def clipped_range(least: float, most: float | None, chronology: Chronology) -> Range:
    """A range of diameters from where the production function begins on; None at its end: no end."""
    low, high = (float(limit) for limit in chronology.production.range)
    end = np.inf if most is None else most
    if least >= high or end <= low:
        raise RequestError(f"the production function holds from {low:g} to {high:g} km alone")
    return max(least, low), end


def next_limit(least: float) -> float:
    """The first limit of bins from a diameter on: those below are not complete."""
    limits = cst.Cratercount().generate_bins(BINNING, [least / 2, least * 2.5])
    return float(next(limit for limit in limits if limit >= least * (1 - 1e-9)))


def poisson_age(count: Count, draws: Sequence[Count], chronology: Chronology, range_km: Range) -> Age:
    """By Poisson's probability of ages: of the count, and of all draws together."""
    probability, craters = age_probability(count, chronology, range_km)
    counted = interval(probability.t(PERCENTILES))
    if not craters:
        raise RequestError(
            f"no crater lies in the range of diameters: younger than {counted['upper_ga']:.3g} Ga (84 %)"
        )
    answer = dict(craters=craters, counted=counted, machine=None, probability=probability) | counted
    if not draws:
        return answer
    drawn = [age_probability(draw, chronology, range_km)[0] for draw in draws]
    total = copy.copy(probability)
    total.pdf, total.cdf = (np.mean([getattr(draw, name) for draw in drawn], axis=0) for name in ("pdf", "cdf"))
    spread = machine_spread([float(draw.t(0.5)) for draw in drawn])
    return answer | interval(total.t(PERCENTILES)) | dict(machine=spread, probability=total)


def age_probability(count: Count, chronology: Chronology, range_km: Range) -> tuple[cst.Craterpdf, int]:
    """Craterstats' probability of ages, and the number of craters that it is of.

    Where craters may be none, the number is rounded, for Poisson's distribution is of whole ones, and the ground by as
    much.
    """
    limits = [range_km[0], min(range_km[1], float(chronology.production.range[1]))]
    inside = count.inside((limits[0], limits[1]))
    expected = float(count.expected[inside].sum())
    number = round(expected)
    stretch = number / expected if number else 1.0
    ground = count.ground_km2[inside] if inside.any() else np.array([count.area["searched_km2"]])
    likened = cst.Cratercount()
    if np.ptp(ground) <= SAME_GROUND * ground.max():
        likened.area = float(ground[0]) * stretch
        return cst.Craterpdf(chronology.production, chronology.ages, likened, limits, k=number), number
    rate = expected_craters(count.diameter_km[inside], ground, chronology, limits) * stretch
    lam = 10 ** (np.log10(rate) + CHANGES)
    return ProbabilityOnGround(chronology.production, chronology.ages, likened, limits, number, lam), number


class ProbabilityOnGround(cst.Craterpdf):
    """Craterstats' probability of ages where the expected numbers (n) of craters are known for CHANGES."""

    def __init__(
        self, production: cst.Productionfn, ages: cst.Chronologyfn, count: cst.Cratercount, limits: list[float],
        number: int, expected: np.ndarray,
    ) -> None:  # fmt: skip
        super().__init__(production, ages, count, limits, k=number, lam=ExpectedNumbers(expected))
        self.lam = expected


class ExpectedNumbers(np.ndarray):
    """Numbers that count as one: Craterstats asks whether there is an expected number at all."""

    def __new__(cls, values: np.ndarray) -> "ExpectedNumbers":
        """Another view of the numbers."""
        return np.asarray(values).view(cls)

    def __bool__(self) -> bool:
        """There are some."""
        return self.size > 0


def expected_craters(
    diameter_km: np.ndarray, ground_km2: np.ndarray, chronology: Chronology, limits: Sequence[float]
) -> float:
    """Of a surface of 1 Ga, on the ground (n) of craters' diameters (n) and, between them, on their mean."""
    order = np.argsort(diameter_km)
    diameters = np.geomspace(*limits, DIAMETERS_OF_GROUND)
    ground = np.interp(np.log(diameters), np.log(diameter_km[order]), ground_km2[order])
    cumulative = chronology.production.evaluate("cumulative", diameters, chronology.ages.a0(1.0))
    return float(((cumulative[:-1] - cumulative[1:]) * (ground[:-1] + ground[1:]) / 2).sum())


def cumulative_age(count: Count, draws: Sequence[Count], chronology: Chronology, range_km: Range) -> Age:
    """By fits to cumulative frequencies: of the count, and of each draw."""
    ages, craters = cumulative_fit(count, chronology, range_km)
    answer = dict(craters=craters, counted=interval(ages), machine=None) | interval(ages)
    if not draws:
        return answer
    drawn = [cumulative_fit(draw, chronology, range_km)[0][0] for draw in draws]
    spread, middle = machine_spread(drawn), float(np.median(drawn))
    below = np.hypot(middle - spread["lower_ga"], ages[0] - ages[1])
    above = np.hypot(spread["upper_ga"] - middle, ages[2] - ages[0])
    return answer | interval(widened(middle, below, above)) | dict(machine=spread)


def cumulative_fit(count: Count, chronology: Chronology, range_km: Range) -> tuple[list[float], int]:
    """Age with its lower and upper limit in Ga, and the number of craters."""
    inside = count.inside(range_km)
    if not inside.any():
        raise RequestError("no crater lies in the range of diameters")
    has_end = range_km[1] < np.inf
    points = count.of_craterstats().getplotdata(
        "cumulative", BINNING, range=list(range_km), resurfacing=int(has_end), pf=chronology.production
    )
    if not len(points["d"]):
        raise RequestError("no bin of craters lies in the range of diameters")
    age, lower, upper = (float(chronology.ages.t(a0=a0)) for a0 in chronology.production.fit(points))
    return widened(age, age - lower, upper - age), round(float(count.expected[inside].sum()))


def widened(age: float, below: float, above: float) -> list[float]:
    """An age with its limits of one standard deviation and of 19 of 20, by the standard deviations below and above."""
    limits = [(below, above), (below * SIGMAS_OF_95, above * SIGMAS_OF_95)]
    return [age, *(limit for down, up in limits for limit in (max(age - down, 0.0), age + up))]


FITS: Mapping[str, Callable[[Count, Sequence[Count], Chronology, Range], Age]] = dict(
    poisson=poisson_age, cumulative=cumulative_age
)


def interval(ages: Sequence[float]) -> Age:
    """An age in Ga, and the limits of one standard deviation and of 19 of 20."""
    names = ("age_ga", "lower_ga", "upper_ga", "lower_95_ga", "upper_95_ga")
    return dict(zip(names, map(float, ages), strict=True))


def machine_spread(ages: Sequence[float]) -> Age:
    """What the draws say of the network's errors alone."""
    lower, upper = np.percentile(ages, [100 * PERCENTILES[1], 100 * PERCENTILES[2]])
    return dict(lower_ga=float(lower), upper_ga=float(upper), draws=len(ages))


class DatedPlot(cst.Craterplot):
    """An age in a plot that is known already, instead of the one that Craterstats would compute of what it draws."""

    age: Age

    def calculate_age(self, plot_set: cst.Craterplotset) -> None:
        """Take over what is known."""
        self.t = [self.age[name] for name in ("age_ga", "lower_ga", "upper_ga")]
        self.a0 = [float(plot_set.cf.a0(max(age, YOUNGEST_GA))) for age in self.t]
        self.n = self.n_event = self.age["craters"]
        self.n_d = plot_set.pf.evaluate("cumulative", plot_set.ref_diameter, self.a0[0])
        self.pdf = self.age.get("probability")


def plots(area: Json, count: Count, chronology: Chronology, ages: Sequence[Age]) -> list[str]:
    """Draw the frequencies and isochrons of an area as Craterstats' command line does: names of pictures.

    A picture that cannot be drawn leaves the ages as they are.
    """
    stem, formats = Path(area["plot"]["stem"]), area["plot"]["formats"]
    try:
        draw(area, count, chronology, [age for age in ages if "age_ga" in age], stem)
    except (SystemExit, Exception) as error:
        print(f"area {area['name']}: Craterstats draws no picture of it: {error}", file=sys.stderr)
    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in formats]
    return [file.name for file in files if file.is_file()]


def draw(area: Json, count: Count, chronology: Chronology, ages: Sequence[Age], stem: Path) -> None:
    """Write stem.png, or what formats are wanted."""
    name = area["name"].replace("$", "")
    command = ["-cs", chronology.system["name"], "-f", *area["plot"]["formats"], "-o", str(stem), "-title", name]
    for option, function in (("-ep", chronology.epochs), ("-ef", chronology.equilibrium)):
        command += [option, function] if function else []
    arguments = cli.get_parser().parse_args(command)
    defaults = copy.deepcopy(cst.DEFAULTS)
    plot_set = cst.Craterplotset(cli.construct_cps_dict(arguments, defaults["set"], chronology.functions))
    common = defaults["plot"] | dict(cratercount=count.of_craterstats(), source=name, name=name)
    series = [cst.Craterplot(common | dict(colour=plot_set.palette[0]))]
    for number, age in enumerate(ages, start=1):
        least, most = age["range_km"]
        kind, has_end = dict(poisson="poisson", cumulative="c-fit")[age["fit"]], most is not None
        style = dict(colour=plot_set.palette[number], psym=FILLED_CIRCLE, isochron=1, snap=0)
        corrected = dict(resurf=int(has_end and kind == "c-fit"), offset_age=[0, AGES_APART * (number - 1)])
        limits = [float(least), float(most) if has_end else float(count.diameter_km.max()) * BEYOND_LARGEST]
        dated = DatedPlot(common | style | corrected | dict(type=kind, range=limits))
        dated.age = age
        series.append(dated)
    plot_set.craterplot = series
    plot_set.autoscale(None, None)
    cli.write_output_files(arguments, plot_set)


if __name__ == "__main__":
    main(*sys.argv[1:])
