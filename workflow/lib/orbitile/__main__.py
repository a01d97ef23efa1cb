"""Commands about a run, from its folder: python -m orbitile status results/<run>; `check` takes a settings file."""

import argparse
import sys
from pathlib import Path

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.settings_text import read_settings_file
from orbitile.jobs.show import show_failures, show_stale, show_status
from orbitile.settings import Settings, check_settings


def check_settings_file(path: Path) -> Settings:
    """The settings in a file that nothing has read before; OrbitileError in one line for what may not stand there."""
    return check_settings(read_settings_file(path), [path])


COMMANDS = {
    "status": ("how far the run is", show_status),
    "failures": ("what failed, and how to run it again", show_failures),
    "stale": ("files that nothing uses any more", lambda results: show_stale(results, remove=False)),
    "clear": ("remove the stale files", lambda results: show_stale(results, remove=True)),
    "check": ("whether a settings file is sound, before anything else reads it", check_settings_file),
}


def main() -> int:
    """Run the command of the command line; 0, or 1 after an error that is printed in one line."""
    parser = argparse.ArgumentParser(prog="orbitile", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    for name, (description, _) in COMMANDS.items():
        argument = "settings file" if name == "check" else "results/<run>"
        commands.add_parser(name, help=description).add_argument("path", type=Path, help=argument)
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command][1](arguments.path)
    except (OrbitileError, OSError) as error:
        print(reason_of(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
