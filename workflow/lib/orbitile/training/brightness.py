"""Changes of brightness for tiles of any number of bands."""

import numpy as np
from ultralytics.data.augment import Compose, RandomHSV


class BandBrightness(RandomHSV):
    """Ultralytics' change of brightness, which leaves images alone unless they have three channels, for any number."""

    def apply_image(self, labels: dict, params: dict | None = None) -> dict:
        """Multiply all bands of `labels["img"]` (rows, columns, bands; uint8) by one random factor of 1 -+ vgain."""
        image = labels["img"]
        if image.shape[-1] == 3:
            return super().apply_image(labels, params)
        factor = 1 + np.random.uniform(-1, 1) * self.vgain
        table = np.clip(np.arange(256) * factor, 0, 255).astype(np.uint8)
        return labels | dict(img=table[image])


def use_band_brightness(transforms: Compose) -> None:
    """Make a training pipeline's changes of brightness work on any number of bands."""
    for number, step in enumerate(transforms.transforms):
        if isinstance(step, Compose):
            use_band_brightness(step)
        elif isinstance(step, RandomHSV):
            transforms.transforms[number] = BandBrightness(step.hgain, step.sgain, step.vgain)
