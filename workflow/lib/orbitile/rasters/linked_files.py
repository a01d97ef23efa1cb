"""The files that a linked raster takes its pixels from, which must not change as long as the raster is used."""

import json
from typing import NamedTuple

import rasterio

from orbitile.base.versions import refuse_changed

DOMAIN = "ORBITILE"
"""Of a linked raster's metadata (see orbitile.rasters.links), in which its files stand."""


class LinkedFiles(NamedTuple):
    """Files with the version that they had when a raster was linked to them (see orbitile.base.versions); or none."""

    files: tuple[str, ...] = ()
    version: str = ""

    @classmethod
    def of(cls, source: rasterio.DatasetReader) -> "LinkedFiles":
        """Those of an open raster; none of one that holds its pixels."""
        tags = source.tags(ns=DOMAIN) if source.driver == "VRT" else {}
        return cls(tuple(json.loads(tags["files"])), tags["version"]) if tags.keys() >= {"files", "version"} else cls()

    @property
    def tags(self) -> dict[str, str]:
        """The metadata that name them."""
        return dict(files=json.dumps(self.files), version=self.version)

    def check(self) -> None:
        """OrbitileError, which names the file, where any has changed."""
        refuse_changed(self.files, self.version)
