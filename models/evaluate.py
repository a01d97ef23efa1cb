"""How good are networks on images that none of them has seen? Runs the workflow over them, and writes tables.

    .venv/bin/python models/evaluate.py DATA [NETWORK ...] [--sets ctx nac themis moon] [--changes]

NETWORK is a path of weights or a name of the zoo: [SET,SET=]WEIGHTS[@1,2,4], with the sets it is made for and the
scales to search, as multiples of the finest. Without any, those of models/models.yaml are taken. The images, and why
these, stand in models/held_out.yaml. With --changes, images are also turned, brightened, stretched, made noisy and
smaller, and the tiles are shifted. Writes results/evaluate-models/: figures.md, figures.json, and a run of the workflow
for each set and network.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compared_networks import ROOT, Network, networks_to_compare
from comparison_tables import change_table, overall_table, share_of_changed_rows, size_table
from held_out_runs import HeldOut, Run
from image_changes import CHANGES, Change, changed_scenes, changed_truth, moved_boxes

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json, write_text
from orbitile.space.bodies import find_body
from orbitile.tables.craters import CraterTable, PixelPlaces, read_craters_of_run

HERE = Path(__file__).parent
LEAST_SCORE = 0.05
"""Of model.score_threshold: lower scores are not inferred."""


@dataclass(frozen=True)
class Comparison:
    """Networks on sets of images, in a folder of runs."""

    folder: Path
    sets: Sequence[HeldOut]
    networks: Sequence[Network]

    @property
    def pairs(self) -> list[tuple[HeldOut, Network]]:
        """Every set with the networks that are made for it."""
        return [
            (held_out, network) for held_out in self.sets for network in self.networks if network.fits(held_out.name)
        ]

    def results(self) -> list[dict]:
        """The figures of each network on each set."""
        return [self._result(*pair) for pair in self.pairs]

    def changes(self, names: Sequence[str], on_sets: Sequence[str]) -> list[dict]:
        """The figures of each network on changed images of some sets."""
        chosen = [change for change in CHANGES if not names or change.name in names]
        return [
            self._change(held_out, network, change)
            for held_out, network in self.pairs
            if held_out.name in on_sets
            for change in chosen
        ]

    def _run(self, held_out: HeldOut, network: Network) -> Run:
        return Run.of(self.folder, held_out, network).make(held_out.scenes, held_out.truth)

    def _result(self, held_out: HeldOut, network: Network) -> dict:
        print(f"{held_out.name}: {network.name}", flush=True)
        run = self._run(held_out, network)
        curve = self._curve(held_out, network, run)
        megapixels = sum(row.width * row.height for row in run.rasters) / 1e6
        return dict(
            set=held_out.name, title=held_out.title, why=held_out.why, network=network.name, weights=network.weights,
            sha256=run.manifest["model_sha256"],
            seconds_per_megapixel=run.infer_s / megapixels, megapixels=megapixels, metrics=_metrics(run), **curve,
        )  # fmt: skip

    def _curve(self, held_out: HeldOut, network: Network, run: Run) -> dict:
        """The figures by least score, down to the least that is inferred, and the best score on these very images.

        The run is made with a lower threshold, then again with its own; inference is done once. The figures are kept as
        long as the catalogue and the truth are the same.
        """
        path = self.folder / f"{run.name}-by-score.json"
        key = run.key(held_out.truth)
        if path.is_file():
            kept = json.loads(path.read_text())
            if kept.pop("key") == key:
                return kept
        suppression = run.settings.get("suppression", {}) | dict(score_threshold=LEAST_SCORE)
        lower = Run(run.folder, run.name, run.settings | dict(suppression=suppression))
        metrics = _metrics(lower.make(held_out.scenes, held_out.truth))
        self._run(held_out, network)
        curve = dict(by_score=metrics["by_score"], best_score=metrics["best_score"])
        write_json(path, dict(key=key) | curve)
        return curve

    def _change(self, held_out: HeldOut, network: Network, change: Change) -> dict:
        print(f"{held_out.name}, {change.title}: {network.name}", flush=True)
        run = self._run(held_out, network)
        changed = Run.of(self.folder, held_out, network, change.name)
        changed = Run(changed.folder, changed.name, change.settings(changed.settings))
        truth = self.folder / "images" / f"{held_out.name}-{change.name}" / "truth.csv"
        scenes = changed_scenes(held_out, change, self.folder)
        _write_truth(held_out, change, run, truth)
        changed.make(scenes, truth)
        metrics = _metrics(changed)
        return dict(
            set=held_out.name, network=network.name, change=change.name, title=change.title, metrics=metrics,
            f1_change=metrics["f1"] - _metrics(run)["f1"], changed_rows=_changed_rows(held_out, change, run, changed),
        )  # fmt: skip


def _metrics(run: Run) -> dict:
    return json.loads((run.results / "evaluation" / "metrics.json").read_text())


def _write_truth(held_out: HeldOut, change: Change, run: Run, path: Path) -> None:
    """Write the truth of changed images; a file that is the same stays as it is, so that no run is made again."""
    radius_m = find_body(held_out.settings["body"]).radius_m
    places = PixelPlaces.of(run.rasters, radius_m)
    unmapped = len(held_out.scenes) if held_out.in_pixels else 0
    craters = read_craters_of_run(CraterTable(str(held_out.truth)), places, unmapped)
    text = changed_truth(held_out, change, run, craters, radius_m).to_csv(index=False)
    if not path.is_file() or path.read_text() != text:
        write_text(path, text)


def _changed_rows(held_out: HeldOut, change: Change, run: Run, changed: Run) -> float:
    first, second = run.catalogue, changed.catalogue
    corners = ["xmin", "ymin", "xmax", "ymax"]
    gsd_m = run.rasters[0].grid.gsd_m
    first[corners] = moved_boxes(change, held_out, first[corners].to_numpy(float), first["scene"].to_numpy(), gsd_m)
    if not held_out.in_pixels:  # neighbouring scenes may take a crater on their border from each other
        first["scene"] = second["scene"] = "map"
    return share_of_changed_rows(first, second)


def report(results: Sequence[dict], changes: Sequence[dict]) -> str:
    """All tables, and what they mean."""
    why = {result["set"]: f"- {result['set']} ({result['title']}): {result['why']}" for result in results}
    units = {r["set"]: f"{r['metrics']['intervals']['units']} {r['metrics']['intervals']['unit']}" for r in results}
    parts = [
        "# Networks on images that they have not seen",
        "\n".join(why.values()),
        f"Intervals of 95 % by drawing anew among {', '.join(f'{unit} ({name})' for name, unit in units.items())}; "
        "other brackets hold the middle 68 % of matched craters. Time is that of inference with its start, on this "
        "machine. The best score is that of the highest F1 on these very images: take thresholds from others.",
        overall_table(results),
        "## By diameter",
        size_table(results),
    ]
    if changes:
        parts += [
            "## Changed images",
            "Rows that change: the share of the rows of both catalogues without a partner of IoU 0.5 in the other.",
            change_table(changes),
        ]
    return "\n\n".join(parts) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("networks", nargs="*", help="[SET,SET=]WEIGHTS[@1,2,4]")
    parser.add_argument("--sets", nargs="+", help="of models/held_out.yaml; all if left out")
    parser.add_argument("--held-out", type=Path, default=HERE / "held_out.yaml", help="another list of sets")
    parser.add_argument(
        "--changes", nargs="*", metavar="CHANGE", help="also changed images; all changes if none is named"
    )
    parser.add_argument("--changed-sets", nargs="+", default=["moon"], help="whose images are changed; the demo's")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "evaluate-models")
    return parser.parse_args()


def main() -> None:
    """Run, write the figures, print them."""
    arguments = _arguments()
    sets = HeldOut.read(arguments.held_out, arguments.data, arguments.sets)
    networks = networks_to_compare(arguments.networks, HERE / "models.yaml")
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(folder, sets, networks)
    results = comparison.results()
    changes = [] if arguments.changes is None else comparison.changes(arguments.changes, arguments.changed_sets)
    write_json(folder / "figures.json", dict(results=results, changes=changes))
    text = report(results, changes)
    write_text(folder / "figures.md", text)
    print(f"\n{text}\nWritten to {folder}/figures.md and figures.json")


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
