"""Judged samples of pixels for tests: made up, with probabilities that are worth what they say or another thing."""

import numpy as np

from orbitile.calibration.pixel_sample import LEVELS, PixelSample


def made_up_pixels(blocks=128, pixels=2000, seed=0, power=1.0, spread=0.3, classes=("fracture",), unit="squares"):
    """Pixels that are true with a probability of (level / 255)^power, which differs from block to block by `spread`.

    Blocks hold numbers of pixels that differ by a factor of two or so.
    """
    random = np.random.default_rng(seed)
    levels = np.arange(LEVELS) / (LEVELS - 1)
    shape = (blocks, len(classes), 1)
    odds = random.normal(0, spread, shape)
    probability = np.clip(levels**power, 1e-4, 1 - 1e-4)
    probability = 1 / (1 + np.exp(-(np.log(probability / (1 - probability)) + odds)))
    density = 1 / (levels + 0.02) + 2 * levels
    total = random.poisson(density / density.sum() * pixels * random.lognormal(0, 0.4, shape))
    true = random.binomial(total, probability)
    return PixelSample(np.stack([total - true, true], axis=2).astype(np.int64), tuple(classes), unit)


def literal_pixels():
    """Two blocks of a class: (level, number) of false and of true pixels."""
    table = [([(0, 90), (100, 5), (200, 1)], [(50, 2), (200, 2)]), ([(0, 95), (255, 1)], [(200, 3), (255, 1)])]
    pixels = np.zeros((2, 1, 2, LEVELS), np.int64)
    for block, sides in enumerate(table):
        for side, counts in enumerate(sides):
            for level, number in counts:
                pixels[block, 0, side, level] = number
    return PixelSample(pixels, ("fracture",))
