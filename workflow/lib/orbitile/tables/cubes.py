"""The table of a group's scenes that ISIS has brought onto the run's map."""

import pyarrow as pa

CUBES = pa.schema(
    [
        pa.field("scene", pa.string()),
        pa.field("path", pa.string(), metadata={"about": "ISIS cube, calibrated and on the run's map"}),
        pa.field("instrument", pa.string()),
        pa.field("isis_version", pa.string()),
    ]
)
