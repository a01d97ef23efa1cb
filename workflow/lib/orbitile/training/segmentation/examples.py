"""A picture of what a segmentation network learns from: augmented tiles beside their labels."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from orbitile.pictures.class_colours import class_colours, class_patches
from orbitile.pictures.save_figure import save_figure
from orbitile.training.segmentation.augmentation import LabelledPixels
from orbitile.training.segmentation.dataset import AugmentedTiles
from orbitile.training.segmentation.tiles import NOT_VALID

EXAMPLES = 12
PAIRS_IN_A_ROW = 4
LABEL_ALPHA = 0.6
NOT_VALID_COLOUR = "#33004d"
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
    colours = class_colours(len(classes))
    shown = {name: colours[number] for number, name in enumerate(classes, 1) if number in numbers}
    shown |= {"not valid: no data, or no label": NOT_VALID_COLOUR} if NOT_VALID in numbers else {}
    patches = class_patches(shown)
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, max(1, len(patches))), frameon=False)
    save_figure(figure, path, 100)


def example_items(tiles: AugmentedTiles) -> list[int]:
    """The numbers of at most EXAMPLES items, drawn always alike: of different tiles, with features, before others."""
    order = np.random.default_rng(0).permutation(len(tiles)).tolist()
    has_features = [tiles.positive_px(item) > 0 for item in range(len(tiles))]
    is_repeated, drawn = {}, set()
    for item in order:
        is_repeated[item] = tiles.tile(item) in drawn
        drawn.add(tiles.tile(item))
    return sorted(order, key=lambda item: (is_repeated[item], not has_features[item]))[:EXAMPLES]


def labelled_picture(picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A picture (rows, columns, 3; 0..1) with labels (rows, columns) as colours over it; background stays as it is."""
    coloured = picture.copy()
    numbers = set(np.unique(labels).tolist()) - {0}
    colours = class_colours(max(numbers - {NOT_VALID}, default=0))
    for number in sorted(numbers):
        colour = to_rgb(NOT_VALID_COLOUR if number == NOT_VALID else colours[number])
        area = labels == number
        coloured[area] = (1 - LABEL_ALPHA) * coloured[area] + LABEL_ALPHA * np.array(colour)
    return coloured


def _displayed(pixels: LabelledPixels) -> np.ndarray:
    """A tile's picture (rows, columns, 3; 0..1): the colours of three channels, else the first as grey."""
    channels = pixels.image if len(pixels.image) == RGB else np.repeat(pixels.image[:1], RGB, axis=0)
    return np.moveaxis(channels, 0, -1) / 255
