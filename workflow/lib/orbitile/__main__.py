"""Commands about a run, from its folder: python -m orbitile status results/<run>; `check` takes a settings file.

`export` takes the path of a file, too; `models` takes the name of a network, or nothing; `new`, `review`, `stack` and
`unpack` say themselves what they take.
"""

import argparse
import sys
from pathlib import Path

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.settings_text import read_settings_file
from orbitile.inference.models.zoo import ZOO, read_network, zoo_names
from orbitile.inference.models.zoo_card import network_card, network_table
from orbitile.jobs.show import open_results, show_failures, show_stale, show_status
from orbitile.planning.new_run_command import add_new, new
from orbitile.planning.stack_command import add_stack, stack
from orbitile.review.command import add_review, review
from orbitile.settings import Settings, check_settings


def check_settings_file(path: Path) -> Settings:
    """The settings in a file that nothing has read before; OrbitileError in one line for what may not stand there."""
    return check_settings(read_settings_file(path), [path])


def export(arguments: argparse.Namespace) -> None:
    """Write what the arguments select of a catalogue to a file, and print how much it is."""
    from orbitile.catalogue import open as open_catalogue
    from orbitile.jobs.export import check_scenes, export_craters  # brings GeoPandas: others need not wait for it

    catalogue = open_catalogue(arguments.path)
    check_scenes(catalogue, arguments.scenes or ())
    selection = catalogue.select(arguments.box, arguments.diameter_km, arguments.score, arguments.scenes)
    rows = export_craters(selection, arguments.out, arguments.shape)
    print(f"{arguments.out}: {rows} craters")


def show_models(name: str | None, zoo: Path = ZOO) -> None:
    """Print the networks that come with the project, or the card of the one with a name."""
    networks = [read_network(each, zoo) for each in ([name] if name else zoo_names(zoo))]
    if name:
        print(network_card(networks[0].facts, name, networks[0].description), end="")
    else:
        print(network_table(networks) if networks else "There are no networks in models/ yet; see docs/models.md.")


def write_report(results: Path) -> None:
    """Write the report on a run in any state, and print where it is."""
    from orbitile.stages.report import report  # brings Matplotlib, which the other commands need not wait for

    print(report(results))


COMMANDS = {
    "status": ("how far the run is", show_status),
    "failures": ("what failed, and how to run it again", show_failures),
    "open": ("open the report in a browser, or print where it is", open_results),
    "stale": ("files that nothing uses any more", lambda results: show_stale(results, remove=False)),
    "clear": ("remove the stale files", lambda results: show_stale(results, remove=True)),
    "report": ("write report/index.html: what was found and what it took so far", write_report),
    "check": ("whether a settings file is sound, before anything else reads it", check_settings_file),
}


def _add_export(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("export", help="write part of a catalogue to a file")
    parser.add_argument("path", type=Path, help="results/<run>, or its folder catalogue")
    parser.add_argument("out", type=Path, help="the file to write: .gpkg, .shp, .parquet, .fgb or .csv")
    parser.add_argument("--box", nargs=4, type=float, metavar=("WEST", "SOUTH", "EAST", "NORTH"),
                        help="degrees; from 170 to -170 over 180")  # fmt: skip
    parser.add_argument("--diameter-km", nargs=2, type=float, metavar=("MIN", "MAX"), help="MAX may be inf")
    parser.add_argument("--score", nargs=2, type=float, metavar=("MIN", "MAX"))
    parser.add_argument("--scenes", nargs="+", metavar="SCENE")
    parser.add_argument("--shape", choices=["point", "ellipse", "circle", "box"], default="point")


def unpack(arguments: argparse.Namespace) -> None:
    """Write the arrays of a set that the arguments name to a folder, and print what is there now."""
    from orbitile.tables.array_sets import ArrayNames, unpack_arrays  # brings rasterio

    names = ArrayNames(arguments.images, arguments.masks, arguments.places)
    images = unpack_arrays(arguments.path, names, arguments.folder, arguments.prefix)
    masks = f", masks in {arguments.folder / 'masks'}" if arguments.masks else ""
    print(f"{images} images in {arguments.folder / 'images'}{masks}, scene table {arguments.folder / 'scenes.csv'}")


def _add_unpack(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("unpack", help="write the arrays of an .npz file as images, masks and a scene table")
    parser.add_argument("path", type=Path, help="an .npz file")
    parser.add_argument("folder", type=Path, help="the folder to make")
    parser.add_argument("--images", required=True, help="array of images: (n, rows, columns) or with channels last")
    parser.add_argument("--masks", help="array of their masks: (n, rows, columns), whole numbers")
    parser.add_argument("--places", help="array (n) that says where each image comes from")
    parser.add_argument("--prefix", help="of the names of images; without it, the name of their array")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="orbitile", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    for name, (description, _) in COMMANDS.items():
        argument = "settings file" if name == "check" else "results/<run>"
        commands.add_parser(name, help=description).add_argument("path", type=Path, help=argument)
    _add_export(commands)
    add_review(commands)
    add_stack(commands)
    _add_unpack(commands)
    add_new(commands)
    models = commands.add_parser("models", help="the networks that come with the project, or the card of one")
    models.add_argument("name", nargs="?", help="of a network")
    return parser


def main() -> int:
    """Run the command of the command line; 0, or 1 after an error that is printed in one line."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "export":
            export(arguments)
        elif arguments.command == "review":
            review(arguments)
        elif arguments.command == "stack":
            stack(arguments)
        elif arguments.command == "unpack":
            unpack(arguments)
        elif arguments.command == "new":
            new(arguments)
        elif arguments.command == "models":
            show_models(arguments.name)
        else:
            COMMANDS[arguments.command][1](arguments.path)
    except (OrbitileError, OSError) as error:
        print(reason_of(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
