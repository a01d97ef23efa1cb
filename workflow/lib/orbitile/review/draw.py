"""A review's folder: rows of a catalogue to judge, what they were drawn from, and pictures of them."""

from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.catalogue import check_outside
from orbitile.catalogue import open as open_catalogue
from orbitile.review.chips import draw_chips
from orbitile.review.record import SHEET, ReviewRecord
from orbitile.review.sampling import draw_rows
from orbitile.tables.datasets import published_folder


def draw_review(path: Path, out: Path, sample_rows: int, seed: int) -> str:
    """Draw rows of the catalogue at a path into a new folder, and say what is there.

    The folder appears completely or not at all. OrbitileError where it exists and is not empty, or lies in the
    catalogue, and for a catalogue without rows.
    """
    catalogue = open_catalogue(path)
    check_outside(out, catalogue)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OrbitileError(f"{out}: is there already, maybe with verdicts; give a folder that is not there yet")
    strata, rows = draw_rows(catalogue, sample_rows, seed)
    run = catalogue.manifest.resolve().parent.parent
    with published_folder(out) as folder:
        ReviewRecord.of(catalogue, seed, strata.strata, rows).write(folder)
        pages = draw_chips(rows, run, catalogue.body.radius_m, folder)
    lines = [f"{out / SHEET}: {len(rows)} of {len(catalogue):,} rows, from {len(strata.strata)} strata"]
    if pages.paths:
        names = " to ".join(dict.fromkeys([pages.paths[0].name, pages.paths[-1].name]))
        lines.append(f"{out / names}: what they look like")
    if pages.without_image:
        count = "all rows" if not pages.paths else f"{pages.without_image} rows"
        lines.append(f"There are no chips of {count}: {pages.reason}")
    lines.append(f"Write yes, no or unsure into the column verdict; then: python -m orbitile review judge {out}")
    return "\n".join(lines)
