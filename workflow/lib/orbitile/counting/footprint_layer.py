"""The searched footprints of a run, as the rule `completeness` wrote them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import geopandas

from orbitile.base.errors import OrbitileError
from orbitile.base.manifests import read_manifest
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import Body, find_body

READ_FIRST = (".parquet", ".gpkg", ".shp")


class SearchedLayer(NamedTuple):
    """The searched ground of a run, its body, and what the manifest of the footprints says beside."""

    ground: GroundPlane
    body: Body
    manifest: Mapping[str, Any]

    @property
    def complete_90_km(self) -> float | None:
        """The diameter from which on 90 % of all craters are in the catalogue; None where nothing tells it."""
        metres = self.manifest.get("complete_90_m")
        return None if metres is None else metres / 1000


def read_searched_layer(path: str | Path) -> SearchedLayer:
    """Read the footprints that a manifest names; OrbitileError where they stand in no file."""
    path = Path(path)
    manifest = read_manifest(path)
    files = {Path(file["path"]).suffix: path.parent / file["path"] for file in manifest["files"]}
    layer = next((files[suffix] for suffix in READ_FIRST if suffix in files), None)
    if layer is None:
        raise OrbitileError(f"{path}: names no file with footprints; add parquet to vectors.formats")
    frame = geopandas.read_parquet(layer) if layer.suffix == ".parquet" else geopandas.read_file(layer)
    body = find_body(manifest["body"])
    return SearchedLayer(GroundPlane.of(frame.geometry.to_numpy(), body), body, manifest)
