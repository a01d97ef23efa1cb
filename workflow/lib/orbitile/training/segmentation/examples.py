"""A picture of what a segmentation network learns from: augmented tiles beside their labels."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from orbitile.base.files import atomic
from orbitile.training.segmentation.augmentation import LabelledPixels
from orbitile.training.segmentation.dataset import AugmentedTiles
from orbitile.training.segmentation.tiles import NOT_VALID

EXAMPLES = 12
PAIRS_IN_A_ROW = 4
PALETTE = plt.get_cmap("tab20")
LABEL_ALPHA = 0.6
NOT_VALID_COLOUR = (0.2, 0.0, 0.3)
RGB = 3


def draw_examples(tiles: AugmentedTiles, classes: Sequence[str], path: str) -> None:
    """Draw twelve tiles as the network takes them, each beside the same with its labels in colours, as PNG.

    Those with features come first, each tile once as long as there are others.
    """
    items = example_items(tiles)
    rows = -(-EXAMPLES // PAIRS_IN_A_ROW)
    figure, axes = plt.subplots(rows, 2 * PAIRS_IN_A_ROW, figsize=(16, 2 * rows + 1), layout="constrained")
    for pair in axes.reshape(-1, 2):
        for panel in pair:
            panel.set_axis_off()
    numbers: set[int] = set()
    for pair, item in zip(axes.reshape(-1, 2), items, strict=False):
        pixels = tiles.pixels(item)
        labels = np.where(pixels.valid, pixels.labels, NOT_VALID)
        pair[0].imshow(_displayed(pixels), interpolation="nearest")
        pair[1].imshow(labelled_picture(_displayed(pixels), labels), interpolation="nearest")
        numbers |= set(np.unique(labels).tolist())
    shown = [(name, class_colour(number)) for number, name in enumerate(classes, 1) if number in numbers]
    shown += [("not valid: no data, or no label", NOT_VALID_COLOUR)] if NOT_VALID in numbers else []
    patches = [Patch(color=colour, label=name) for name, colour in shown]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, max(1, len(patches))), frameon=False)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=100)
    plt.close(figure)


def example_items(tiles: AugmentedTiles) -> list[int]:
    """The numbers of at most EXAMPLES items, drawn always alike: of different tiles, with features, before others."""
    order = np.random.default_rng(0).permutation(len(tiles)).tolist()
    has_features = [tiles.positive_px(item) > 0 for item in range(len(tiles))]
    is_repeated, drawn = {}, set()
    for item in order:
        is_repeated[item] = tiles.tile(item) in drawn
        drawn.add(tiles.tile(item))
    return sorted(order, key=lambda item: (is_repeated[item], not has_features[item]))[:EXAMPLES]


def class_colour(number: int) -> tuple[float, float, float]:
    """The colour (red, green, blue; 0..1) of a class, by its number from 1 on; every twentieth has the same."""
    strong_first = [*range(0, PALETTE.N, 2), *range(1, PALETTE.N, 2)]
    return PALETTE(strong_first[(number - 1) % PALETTE.N])[:RGB]


def labelled_picture(picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A picture (rows, columns, 3; 0..1) with labels (rows, columns) as colours over it; background stays as it is."""
    coloured = picture.copy()
    for number in set(np.unique(labels).tolist()) - {0}:
        colour = NOT_VALID_COLOUR if number == NOT_VALID else class_colour(number)
        area = labels == number
        coloured[area] = (1 - LABEL_ALPHA) * coloured[area] + LABEL_ALPHA * np.array(colour)
    return coloured


def _displayed(pixels: LabelledPixels) -> np.ndarray:
    """A tile's picture (rows, columns, 3; 0..1): the colours of three channels, else the first as grey."""
    channels = pixels.image if len(pixels.image) == RGB else np.repeat(pixels.image[:1], RGB, axis=0)
    return np.moveaxis(channels, 0, -1) / 255
