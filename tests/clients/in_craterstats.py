"""Reads a file as Craterstats does, or draws from its production functions; run by the Python of its environment.

in_craterstats.py read FILE...: a line of JSON for each, with area, perimeter, diameters, fractions, or why it fails.
in_craterstats.py spatial FILE...: likewise, with outlines, from which areas are computed anew.
in_craterstats.py frequency SYSTEM AGES_GA D_KM...: cumulative frequencies (per km2) of surfaces of ages (a,b,c).
"""

import contextlib
import io
import json
import sys

import craterstats as cst


def read(path, reader):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            count = reader(path)
        return dict(
            area=count.area, perimeter=count.perimeter, diam=list(count.diam), fraction=list(count.fraction),
            lat=getattr(count, "lat", None),
        )  # fmt: skip
    except Exception as error:
        return dict(fails=repr(error))


def frequency(system, ages, *diameters):
    functions = cst.Functionslist().functions
    names = next(s for s in functions["chronology_system"] if s["name"] == system)
    production = cst.Productionfn(functions, names["pf"])
    a0s = [cst.Chronologyfn(functions, names["cf"]).a0(float(age)) for age in ages.split(",")]
    return [[float(production.evaluate("cumulative", float(d), a0)) for d in diameters] for a0 in a0s]


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    if kind == "frequency":
        print(json.dumps(frequency(*arguments)))
    else:
        for path in arguments:
            print(json.dumps(read(path, cst.Cratercount if kind == "read" else cst.Spatialcount)))
