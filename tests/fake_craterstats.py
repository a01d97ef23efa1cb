"""A program in place of the Python of Craterstats' environment: it keeps the request, and replies what it is told."""

import json

AGE = dict(age_ga=3.5, lower_ga=3.4, upper_ga=3.6)
ANSWER = dict(fit="poisson", range_km=[0.1, None], craters=12, counted=AGE, machine=None, **AGE)


def reply(*areas, **changes):
    """What Craterstats says of areas (lists of ages); each has a plot."""
    functions = dict(
        production=dict(name="Moon, Neukum (1983)", reference=None), chronology=dict(name="C", reference="Ref (1983)")
    )
    answers = [dict(ages=list(ages), plots=["ages.png"]) for ages in areas]
    return dict(version="3.6.11", systems=[], chronology_system="Moon, N", functions=functions, areas=answers) | changes


def write_program(folder, answer, status=0):
    """A program that can import Craterstats, and serves requests; it draws the plots of its reply."""
    (folder / "answer.json").write_text(json.dumps(answer))
    program = folder / "python"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = -c ] && exit 0\n[ {status} = 0 ] || {{ echo "Traceback\nValueError: broken" >&2; exit {status}; }}\n'
        f'cp "$2" {folder}/request.json\ncp {folder}/answer.json "$3"\n'
        """grep -o '"stem": "[^"]*"' "$2" | cut -d '"' -f 4 | while read stem; do echo png > "$stem.png"; done\n"""
    )
    program.chmod(0o755)
    return program


def request_of(folder):
    """The request that the program was given."""
    return json.loads((folder / "request.json").read_text())
