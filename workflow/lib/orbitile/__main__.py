"""Commands about a run, from its folder: python -m orbitile status results/<run>."""

import argparse
import sys
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.jobs.show import show_failures, show_stale, show_status

COMMANDS = {
    "status": ("how far the run is", show_status),
    "failures": ("what failed, and how to run it again", show_failures),
    "stale": ("files that nothing uses any more", lambda results: show_stale(results, remove=False)),
    "clear": ("remove the stale files", lambda results: show_stale(results, remove=True)),
}


def main() -> int:
    """Run the command of the command line; 0, or 1 after an error that is printed in one line."""
    parser = argparse.ArgumentParser(prog="orbitile", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    for name, (description, _) in COMMANDS.items():
        commands.add_parser(name, help=description).add_argument("results", type=Path, help="results/<run>")
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command][1](arguments.results)
    except OrbitileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
