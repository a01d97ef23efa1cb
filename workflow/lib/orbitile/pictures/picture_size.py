"""How large the picture of a scene becomes; without what draws it, so that a plan can ask."""

LARGEST_PX = 4096
"""Longer sides of a scene's picture are shrunk to this."""
LEAST_WIDTH_PX = 900
"""Narrower scenes are enlarged at least to this: names and legends have room then, and outlines hide little."""


def shrunken_shape(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of a scene of a size in its picture, before it is enlarged."""
    shrink = min(1, LARGEST_PX / max(width, height))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def enlargement(width: int, height: int) -> int:
    """Side in the picture of a pixel of a scene of a size; 1 where the longer side would pass LARGEST_PX."""
    return max(1, min(-(-LEAST_WIDTH_PX // width), LARGEST_PX // max(width, height)))
