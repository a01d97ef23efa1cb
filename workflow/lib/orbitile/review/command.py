"""The command `review`: draw a sample of a catalogue, judge it, compare two experts."""

import argparse
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json

ROWS = 200


def add_review(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments to those of a parser."""
    review = commands.add_parser("review", help="how precise a catalogue is, by a person who judges a sample of it")
    actions = review.add_subparsers(required=True, dest="action")
    draw = actions.add_parser("draw", help="draw rows of a catalogue to judge, with their pictures")
    draw.add_argument("path", type=Path, help="results/<run>, or its folder catalogue")
    draw.add_argument("out", type=Path, help="the folder to make")
    draw.add_argument("--rows", type=int, default=ROWS, help=f"how many ({ROWS})")
    draw.add_argument("--seed", type=int, default=0, help="another one draws other rows (0)")
    judge = actions.add_parser("judge", help="the precision of the catalogue, by the verdicts in review.csv")
    judge.add_argument("out", type=Path, help="the folder that `draw` made")
    judge.add_argument("--confidence", type=float, default=0.95, help="of intervals (0.95)")
    _add_compare(actions)


def _add_compare(actions: argparse._SubParsersAction) -> None:
    compare = actions.add_parser("compare", help="what two experts' tables of the same ground both lack")
    compare.add_argument("first", help="a table of craters")
    compare.add_argument("second", help="another one, of the same ground")
    compare.add_argument("--body", required=True, help="Moon, Mars ...")
    compare.add_argument("--iou", type=float, default=0.3, help="from which on two craters match (0.3)")
    compare.add_argument("--min-diameter-km", type=float, default=0.0, help="smaller craters do not count")
    compare.add_argument("--confidence", type=float, default=0.95, help="of intervals (0.95)")
    compare.add_argument("--out", type=Path, help="a JSON to write all figures to")


def review(arguments: argparse.Namespace) -> None:
    """Do what the arguments say, and print what came of it; OrbitileError for what cannot be done."""
    {"draw": _draw, "judge": _judge, "compare": _compare}[arguments.action](arguments)


def _draw(arguments: argparse.Namespace) -> None:
    from orbitile.review.draw import draw_review  # the modules of each action load what the others need not wait for

    print(draw_review(arguments.path, arguments.out, arguments.rows, arguments.seed))


def _judge(arguments: argparse.Namespace) -> None:
    from orbitile.review.figures import figures_text, judge_review

    print(figures_text(judge_review(arguments.out, arguments.confidence)))


def _compare(arguments: argparse.Namespace) -> None:
    from orbitile.review.capture_recapture import Comparison, compare_tables, comparison_text
    from orbitile.review.figures import check_confidence
    from orbitile.space.bodies import find_body

    check_confidence(arguments.confidence)
    if arguments.out and not arguments.out.parent.is_dir():
        raise OrbitileError(f"{arguments.out}: there is no folder {arguments.out.parent}; make it first")
    comparison = Comparison(arguments.iou, arguments.min_diameter_km, arguments.confidence)
    figures = compare_tables(arguments.first, arguments.second, find_body(arguments.body), comparison)
    if arguments.out:
        write_json(arguments.out, figures)
    print(comparison_text(figures))
