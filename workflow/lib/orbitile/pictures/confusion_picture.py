"""How classes are confused, as a picture of their matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

HALF = 0.5
MOST_TEXTS = 15
"""Of more classes than these the shares are colours only."""


def draw_confusion(axes: Axes, names: Sequence[str], counts: np.ndarray, heading: str) -> None:
    """Draw pixels (K, K) by true class (rows) and predicted class (columns), as shares of each true class."""
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(names)), list(names), rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), list(names))
    axes.set(xlabel="predicted class", ylabel="true class", title=f"Shares of each true class, {heading}")
    if len(names) <= MOST_TEXTS:
        for (row, col), share in np.ndenumerate(shares):
            colour = "white" if share > HALF else "black"
            axes.text(col, row, "-" if np.isnan(share) else f"{share:.2f}", ha="center", va="center", color=colour)
