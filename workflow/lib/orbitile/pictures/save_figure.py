"""Figures of matplotlib as files."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from orbitile.base.files import atomic


def save_figure(figure: Figure, path: str | Path, dpi: int = 120) -> None:
    """Write a figure at `dpi` dots per inch, completely or not at all, and close it."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
    plt.close(figure)
