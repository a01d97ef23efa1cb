"""Questions to a run, answered from its folder: python -m orbitile status results/<run>."""

import argparse
import sys
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.jobs.watching import show_failures, show_stale, show_status

COMMANDS = {
    "status": ("how far the run is", show_status),
    "failures": ("what failed, and how to run it again", show_failures),
    "stale": ("files that serve nothing any more", lambda results: show_stale(results, remove=False)),
    "clear": ("remove what is stale", lambda results: show_stale(results, remove=True)),
}


def main() -> int:
    """Answer the question on the command line; 1 where it cannot be answered."""
    parser = argparse.ArgumentParser(prog="orbitile", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    for name, (about, _) in COMMANDS.items():
        commands.add_parser(name, help=about).add_argument("results", type=Path, help="results/<run>")
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command][1](arguments.results)
    except OrbitileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
