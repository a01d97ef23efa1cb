"""Tables on the way from masks to a map: probabilities of tiles, where they are kept, and pieces of outlines."""

import pyarrow as pa

TILES = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64()),
        pa.field("class", pa.string(), metadata={"about": "what it is a probability of"}),
        pa.field("probability", pa.binary(), metadata={"about": "0..255, side x side pixels, row by row"}),
    ]
)
INDEX = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64()),
        pa.field("path", pa.string(), metadata={"about": "fragment that holds the tile's probabilities"}),
    ]
)

OUTLINES = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("class", pa.string()),
        pa.field("kind", pa.string(), metadata={"about": "polygon or line"}),
        pa.field(
            "geometry", pa.binary(), metadata={"about": "WKB, pixels of the map's lattice; z of lines is a width"}
        ),
        pa.field("pixels", pa.int64(), metadata={"about": "of a polygon"}),
        pa.field("probability", pa.int64(), metadata={"about": "sum over its pixels, 0..255 each"}),
        pa.field("near_nodata", pa.int64(), metadata={"about": "pixels of it close to such without data"}),
        pa.field("goes_on", pa.bool_(), metadata={"about": "touches the border of a scene that others abut on"}),
    ]
)
POLYGON, LINE = "polygon", "line"
