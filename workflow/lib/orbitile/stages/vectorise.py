"""vectorise: the surviving detections of a group as shapes on the body."""

import logging

from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import Body
from orbitile.tables.parquet import read_table
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)


def vectorise(suppressed: str, style: VectorStyle, body: Body, stem: str) -> None:
    """Write the survivors of a group, read from its table `suppressed`, to stem.parquet, .gpkg and .shp."""
    survivors = read_table(suppressed)
    write_vectors(detection_shapes(survivors, style, body), stem)
    log.info("%d shapes written", len(survivors))
