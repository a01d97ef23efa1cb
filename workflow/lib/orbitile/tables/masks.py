"""Tables on the way from masks to a map: probabilities of tiles, the index of their files, and pieces of outlines."""

import pyarrow as pa

TILE_MASKS = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64(), metadata={"about": "number in the scene at this scale, row by row"}),
        pa.field("class", pa.string(), metadata={"about": "class that the probabilities are of"}),
        pa.field("probability", pa.binary(), metadata={"about": "0..255, side x side pixels, row by row"}),
    ]
)
"""Masks of tiles, in fragments."""
MASK_INDEX = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64(), metadata={"about": "number in the scene at this scale, row by row"}),
        pa.field("path", pa.string(), metadata={"about": "fragment that holds the tile's probabilities"}),
    ]
)
"""The fragment that holds the masks of each tile."""
OUTLINES = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("class", pa.string(), metadata={"about": "class of the object"}),
        pa.field("kind", pa.string(), metadata={"about": "polygon or line"}),
        pa.field(
            "geometry", pa.binary(), metadata={"about": "WKB, pixels of the map's lattice; z of lines is a width"}
        ),
        pa.field("pixels", pa.int64(), metadata={"about": "of a polygon"}),
        pa.field("probability", pa.int64(), metadata={"about": "sum over its pixels, 0..255 each"}),
        pa.field("near_nodata", pa.int64(), metadata={"about": "pixels of it near pixels without data"}),
        pa.field(
            "continues_beyond_scene",
            pa.bool_(),
            metadata={"about": "touches the border of a scene that others abut on"},
        ),
    ]
)
POLYGON, LINE = "polygon", "line"
