"""Tables of detections: boxes in tiles as the network outputs them, and detections on the body."""

import pyarrow as pa

TILE_DETECTIONS = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px"}),
        pa.field("tile", pa.int64(), metadata={"about": "number in the scene at this scale, row by row"}),
        pa.field("class", pa.string(), metadata={"about": "class of the object"}),
        pa.field("score", pa.float32(), metadata={"about": "the network's confidence, 0..1"}),
        pa.field("left", pa.float32(), metadata={"unit": "px", "about": "from the tile's first column"}),
        pa.field("top", pa.float32(), metadata={"unit": "px", "about": "from the tile's first row"}),
        pa.field("right", pa.float32(), metadata={"unit": "px"}),
        pa.field("bottom", pa.float32(), metadata={"unit": "px"}),
        pa.field("truncated", pa.bool_(), metadata={"about": "touches pixels without data"}),
    ]
)
BOX = ["left", "top", "right", "bottom"]

DETECTIONS = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "scene with the detection"}),
        pa.field("scale_m", pa.float64(), metadata={"unit": "m/px", "about": "scale at which it was detected"}),
        pa.field("tile", pa.int64(), metadata={"about": "tile in which it was detected"}),
        pa.field("score", pa.float32(), metadata={"about": "the network's confidence, 0..1"}),
        pa.field("class", pa.string(), metadata={"about": "class of the object"}),
        pa.field("lon", pa.float64(), metadata={"unit": "degree", "about": "centre, east, -180..180"}),
        pa.field("lat", pa.float64(), metadata={"unit": "degree", "about": "centre, planetocentric"}),
        pa.field("width_m", pa.float64(), metadata={"unit": "m", "about": "east-west on the ground"}),
        pa.field("height_m", pa.float64(), metadata={"unit": "m", "about": "north-south on the ground"}),
        pa.field("diameter_km", pa.float64(), metadata={"unit": "km", "about": "mean of width and height"}),
        pa.field(
            "truncated", pa.bool_(), metadata={"about": "touches nodata or the outer edge: the object may be larger"}
        ),
        pa.field(
            "xmin", pa.float64(), metadata={"unit": "map unit", "about": "left side of the box on the scene's map"}
        ),
        pa.field(
            "ymin", pa.float64(), metadata={"unit": "map unit", "about": "lower side of the box on the scene's map"}
        ),
        pa.field(
            "xmax", pa.float64(), metadata={"unit": "map unit", "about": "right side of the box on the scene's map"}
        ),
        pa.field(
            "ymax", pa.float64(), metadata={"unit": "map unit", "about": "upper side of the box on the scene's map"}
        ),
    ]
)
GEOLOCATED = DETECTIONS.append(
    pa.field("out_of_reach", pa.bool_(), metadata={"about": "larger than the largest size of the coarsest scale"})
)
MAP_BOX = ["xmin", "ymin", "xmax", "ymax"]
ORDER = ["lat", "lon", "width_m", "height_m", "class", "scene", "scale_m", "tile"]
"""Columns that sort a catalogue and break ties between equal scores: never the order of input."""
