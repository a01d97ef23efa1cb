"""The command `new`: settings and a scene table for a run of one's own."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.names import parse_band


def add_new(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments to those of a parser."""
    new = commands.add_parser("new", help="write checked settings and a scene table for scenes of your own")
    new.add_argument("run", help="the name of the run: config/RUN.yaml is written, results go to results/RUN/")
    new.add_argument(
        "--scenes",
        type=Path,
        required=True,
        help="a folder of images, a scene table, a file of STAC items (.json), or a folder of such files",
    )
    new.add_argument("--asset", metavar="NAME", help="of STAC items: the asset that is the image")
    new.add_argument("--server", action="append", default=[], metavar="ADDRESS", dest="servers",
                     help="a server, or a folder on it, that is asked for images: https://HOST[/FOLDER]")  # fmt: skip
    new.add_argument("--body", help="Moon, Mars ...; without it, the one that the images' maps name")
    new.add_argument("--model", help="of the networks that `models` lists; without it, the one for body and scale")
    new.add_argument("--truth", type=Path, help="a table of true craters to compare with")
    new.add_argument("--gsd-m", type=float, help="metres per pixel of images without a map")
    new.add_argument("--bands", nargs="+", default=[], metavar="BAND",
                     help="of images with several: numbers (from 1), colours (red ...) or descriptions")  # fmt: skip
    new.add_argument("--no-timing", action="store_true", help="do not time the network: no estimate of time")


def new(arguments: argparse.Namespace) -> None:
    """Write the files and print what is in them; OrbitileError for what cannot be done."""
    from orbitile.planning.new_run import RunRequest, make_new_run, new_run_lines  # brings GDAL

    if arguments.gsd_m is not None and not 0 < arguments.gsd_m < float("inf"):
        raise OrbitileError(f"--gsd-m: {arguments.gsd_m:g} given; allowed are metres per pixel, above 0")
    request = RunRequest(
        arguments.run, arguments.scenes, arguments.body, arguments.model, arguments.truth, arguments.gsd_m,
        arguments.asset, tuple(arguments.servers), _bands(arguments.bands),
    )  # fmt: skip
    with _warnings_unsaid():  # they stand among the lines below
        run = make_new_run(request, is_timed=not arguments.no_timing)
    print("\n".join(new_run_lines(run)))


def _bands(texts: Sequence[str]) -> tuple[int | str, ...]:
    """The bands by number or name; OrbitileError for what is neither."""
    try:
        return tuple(map(parse_band, texts))
    except ValueError as error:
        raise OrbitileError(f"--bands: {error}") from error


@contextmanager
def _warnings_unsaid() -> Iterator[None]:
    logger = logging.getLogger("orbitile")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
