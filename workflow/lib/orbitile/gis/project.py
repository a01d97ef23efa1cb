"""A project of QGIS (.qgz): groups of layers in a map's coordinate system, with paths relative to its folder.

It is plain XML, written without QGIS, and the same bytes for the same layers. QGIS fills in what is not said here.
"""

import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from pyproj import CRS

from orbitile.base.files import atomic
from orbitile.gis.layer_styles import DOCTYPE, QGIS_VERSION
from orbitile.space.bodies import Body
from orbitile.tables.vector_writers import anonymous_crs

ZIP_TIME = (2000, 1, 1, 0, 0, 0)
"""Of the file in the archive: always the same."""
MARGIN = 0.02
"""Of the width and the height of what is shown at first."""


class ShownBand(NamedTuple):
    """A band of a raster as a layer: its values from `low` to `high` in grey or, with a colour, from clear to that."""

    number: int
    low: float
    high: float
    colour: str | None = None


@dataclass(frozen=True)
class ProjectLayer:
    """A vector file (with a renderer, perhaps the parts of a form) or a raster (with a band).

    `condition` selects features.
    """

    title: str
    path: Path
    crs: CRS
    geometry: str | None = None
    renderer: ET.Element | None = None
    band: ShownBand | None = None
    condition: str | None = None
    visible: bool = True
    form: Sequence[ET.Element] = ()

    def source(self, folder: Path) -> str:
        """Where QGIS finds it from the folder of the project."""
        path = Path(os.path.relpath(self.path, folder)).as_posix()
        layer = f"|layername={self.path.stem}" if self.path.suffix == ".gpkg" else ""
        subset = f"|subset={self.condition}" if self.condition else ""
        return f"{path if path.startswith('..') else './' + path}{layer}{subset}"

    @property
    def provider(self) -> str:
        """QGIS's name for what reads it."""
        return "gdal" if self.band else "ogr"


@dataclass(frozen=True)
class LayerGroup:
    """Layers under a title, the topmost first."""

    title: str
    layers: Sequence[ProjectLayer] = field(default_factory=tuple)
    visible: bool = True


@dataclass(frozen=True)
class Project:
    """A project: its map's coordinate system, and the bounds in it (left, bottom, right, top) that it opens with."""

    title: str
    body: Body
    crs: CRS
    bounds: tuple[float, float, float, float]
    groups: Sequence[LayerGroup]

    def write(self, path: str | Path) -> None:
        """Write the archive (.qgz), completely or not at all; layers are named from its folder."""
        text = f"{DOCTYPE}\n{ET.tostring(self._xml(Path(path).parent), encoding='unicode')}\n"
        entry = zipfile.ZipInfo(f"{Path(path).stem}.qgs", ZIP_TIME)
        entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
        with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(entry, text)

    def _xml(self, folder: Path) -> ET.Element:
        root = ET.Element("qgis", projectname=self.title, version=QGIS_VERSION)
        ET.SubElement(root, "title").text = self.title
        ET.SubElement(root, "projectCrs").append(_crs_xml(self.crs))
        tree, layers = ET.SubElement(root, "layer-tree-group"), ET.SubElement(root, "projectlayers")
        for group, identified in self._identified():
            branch = _branch(tree, group)
            for identifier, layer in identified:
                _add_leaf(branch, identifier, layer, folder)
                layers.append(_layer_xml(identifier, layer, folder))
        root.extend([self._canvas(), self._view_settings(), self._properties()])
        ET.indent(root)
        return root

    def _identified(self) -> Iterator[tuple[LayerGroup, list[tuple[str, ProjectLayer]]]]:
        """The groups, and their layers with names of more than ten characters, which QGIS asks for."""
        for number, group in enumerate(self.groups):
            yield group, [(f"orbitile_layer_{number}_{place}", layer) for place, layer in enumerate(group.layers)]

    @property
    def _view(self) -> dict[str, str]:
        """What is shown at first: the bounds, with a margin around them."""
        left, bottom, right, top = self.bounds
        x, y = MARGIN * (right - left), MARGIN * (top - bottom)
        sides = dict(xmin=left - x, ymin=bottom - y, xmax=right + x, ymax=top + y)
        return {side: repr(float(value)) for side, value in sides.items()}

    def _view_settings(self) -> ET.Element:
        settings = ET.Element("ProjectViewSettings", UseProjectScales="0")
        ET.SubElement(settings, "DefaultViewExtent", self._view).append(_crs_xml(self.crs))
        return settings

    def _canvas(self) -> ET.Element:
        canvas = ET.Element("mapcanvas", name="theMapCanvas", annotationsVisible="1")
        ET.SubElement(canvas, "units").text = "degrees" if self.crs.is_geographic else "meters"
        extent = ET.SubElement(canvas, "extent")
        for side, value in self._view.items():
            ET.SubElement(extent, side).text = value
        ET.SubElement(canvas, "rotation").text = "0"
        ET.SubElement(canvas, "destinationsrs").append(_crs_xml(self.crs))
        return canvas

    def _properties(self) -> ET.Element:
        properties = ET.Element("properties")
        measure = ET.SubElement(properties, "Measure")
        radius_m = f"{self.body.radius_m:.10g}"
        ET.SubElement(measure, "Ellipsoid", type="QString").text = f"PARAMETER:{radius_m}:{radius_m}"
        paths = ET.SubElement(properties, "Paths")
        ET.SubElement(paths, "Absolute", type="bool").text = "false"
        systems = ET.SubElement(properties, "SpatialRefSys")
        ET.SubElement(systems, "ProjectionsEnabled", type="int").text = "1"
        return properties


def _crs_xml(crs: CRS) -> ET.Element:
    """A coordinate system by its definition, without an authority, which QGIS may not know."""
    system = ET.Element("spatialrefsys", nativeFormat="Wkt")
    ET.SubElement(system, "wkt").text = anonymous_crs(crs).to_wkt()
    for name in ("srsid", "srid"):
        ET.SubElement(system, name).text = "0"
    ET.SubElement(system, "authid")
    ET.SubElement(system, "description").text = crs.name
    ET.SubElement(system, "geographicflag").text = str(crs.is_geographic).lower()
    return system


def _branch(tree: ET.Element, group: LayerGroup) -> ET.Element:
    return ET.SubElement(tree, "layer-tree-group", name=group.title, checked=_checked(group.visible), expanded="1")


def _add_leaf(branch: ET.Element, identifier: str, layer: ProjectLayer, folder: Path) -> None:
    ET.SubElement(
        branch, "layer-tree-layer", id=identifier, name=layer.title, source=layer.source(folder),
        providerKey=layer.provider, checked=_checked(layer.visible), expanded="0",
    )  # fmt: skip


def _checked(visible: bool) -> str:
    return "Qt::Checked" if visible else "Qt::Unchecked"


def _layer_xml(identifier: str, layer: ProjectLayer, folder: Path) -> ET.Element:
    if layer.band:
        element = ET.Element("maplayer", type="raster")
    else:
        element = ET.Element("maplayer", type="vector", geometry=str(layer.geometry))
    ET.SubElement(element, "id").text = identifier
    ET.SubElement(element, "datasource").text = layer.source(folder)
    ET.SubElement(element, "layername").text = layer.title
    ET.SubElement(element, "srs").append(_crs_xml(layer.crs))
    provider = ET.SubElement(element, "provider", {} if layer.band else dict(encoding="UTF-8"))
    provider.text = layer.provider
    if layer.band:
        ET.SubElement(element, "pipe").append(_raster_renderer(layer.band))
    elif layer.renderer is not None:
        element.extend([layer.renderer, *layer.form])
    return element


def _raster_renderer(band: ShownBand) -> ET.Element:
    common = dict(band=str(band.number), grayBand=str(band.number), opacity="1", alphaBand="-1")
    if band.colour:
        renderer = ET.Element("rasterrenderer", common | dict(type="singlebandpseudocolor"))
        shader = ET.SubElement(
            ET.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
            classificationMode="1", clip="0", minimumValue=repr(band.low), maximumValue=repr(band.high),
        )  # fmt: skip
        for value, alpha in ((band.low, "0"), (band.high, "255")):
            ET.SubElement(shader, "item", value=repr(value), color=band.colour, alpha=alpha, label=f"{value:g}")
        return renderer
    renderer = ET.Element("rasterrenderer", common | dict(type="singlebandgray", gradient="BlackToWhite"))
    contrast = ET.SubElement(renderer, "contrastEnhancement")
    stretch = dict(minValue=repr(band.low), maxValue=repr(band.high), algorithm="StretchToMinimumMaximum")
    for name, text in stretch.items():
        ET.SubElement(contrast, name).text = text
    return renderer
