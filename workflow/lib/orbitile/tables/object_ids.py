"""Ids of objects: made of what and where an object is, so that the same row has the same id in every run.

Groups, order, interruptions, the run's name and the scenes that a mosaic is cut into have no part in an id. It changes
where a place or a size changes by about a hundredth of a pixel. In plain pixel coordinates a place is one in a scene.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.space.bodies import Body

ID = pa.field("id", pa.string(), metadata={"about": "the object by its place, size, class and scale: 16 characters"})
DIGEST_BYTES = 10
"""80 bits, 16 characters of base 32: of 10^7 objects any two have the same once in 10^10 catalogues."""
STEPS_PER_PIXEL = 100
FULL_TURN = 360.0


class ObjectPlaces(NamedTuple):
    """What and where objects are (n each): scenes and classes as texts, scales in m/px, centres in degrees."""

    scene: np.ndarray
    class_name: np.ndarray
    scale_m: np.ndarray
    lon: np.ndarray
    lat: np.ndarray


def object_ids(places: ObjectPlaces, sizes_m: Sequence[np.ndarray], body: Body, scenes_apart: bool = False) -> pa.Array:
    """The ids (n) of objects: BLAKE2b (RFC 7693) of 10 bytes, in base 32 (RFC 4648).

    Hashed are "body/class/scale" in UTF-8 and, as little-endian integers of 64 bits, the centre and the sizes in
    hundredths of the scale's pixels. Objects of one scene that agree in all of these count on: the second also has the
    number 1. With `scenes_apart`, where positions in two scenes have nothing to do with each other, the text is
    "body/class/scale/scene".
    """
    kinds, kind = _kinds(places, body, scenes_apart)
    records = _records(places, sizes_m, body.radius_m)
    digests = [_digest(kinds[number], record) for number, record in zip(kind.tolist(), records, strict=True)]
    ids = pd.Series(np.frombuffer(base64.b32encode(b"".join(digests)), f"S{DIGEST_BYTES * 8 // 5}"))
    repeated, counts = _repeats(places.scene, ids)
    for row in repeated.tolist():
        count = int(counts[row]).to_bytes(8, "little")
        ids[row] = base64.b32encode(_digest(kinds[kind[row]], records[row] + count))
    return pa.array(ids.to_numpy(f"S{DIGEST_BYTES * 8 // 5}").astype(str), pa.string())


def _repeats(scene: np.ndarray, ids: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """The rows of objects whose scene has their id in an earlier row, too, and in how many; never by group."""
    suspects = ids[ids.duplicated(keep=False)]
    counts = suspects.groupby([np.asarray(scene, object)[suspects.index], suspects]).cumcount()
    return counts.index[counts > 0].to_numpy(), counts


def _kinds(places: ObjectPlaces, body: Body, scenes_apart: bool) -> tuple[list["hashlib.blake2b"], np.ndarray]:
    """The begun hash of each class and scale, and perhaps scene, and the number (n) of that of each object."""
    columns = dict(name=places.class_name, scale=np.asarray(places.scale_m, float))
    columns |= dict(scene=places.scene) if scenes_apart else {}
    frame = pd.DataFrame(columns)
    kind = frame.groupby(list(columns), sort=False).ngroup().to_numpy()
    distinct = frame.drop_duplicates().itertuples(index=False)
    texts = ["/".join(map(str, (body.name, row.name, repr(row.scale), *row[2:]))) for row in distinct]
    return [hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES) for text in texts], kind


def _records(places: ObjectPlaces, sizes_m: Sequence[np.ndarray], radius_m: float) -> list[bytes]:
    """Centre and sizes of each object (n) in steps, as bytes: only divisions, which every processor rounds alike."""
    step_m = np.asarray(places.scale_m, float) / STEPS_PER_PIXEL
    step_deg = step_m / (np.pi * radius_m / (FULL_TURN / 2))
    lon = np.where(places.lon == -FULL_TURN / 2, FULL_TURN / 2, places.lon)  # the same meridian
    steps = [lon / step_deg, places.lat / step_deg, *(size / step_m for size in sizes_m)]
    whole = np.ascontiguousarray(np.rint(np.column_stack(steps)), "<i8")
    return whole.view(f"V{whole.itemsize * len(steps)}").ravel().tolist() if len(whole) else []


def _digest(begun: "hashlib.blake2b", record: bytes) -> bytes:
    hashed = begun.copy()
    hashed.update(record)
    return hashed.digest()
