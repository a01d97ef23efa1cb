"""Runs inside QGIS's own Python: `project_in_qgis.py PROJECT PICTURE` opens and draws a project; prints, as JSON:

The project: its coordinate system and ellipsoid; each layer: whether it and its coordinate system are valid, the kind
of its renderer, its features and bounds on the map; of the first layer of craters the ids, and where lon and lat lie on
the map; and what the picture shows of the map.
"""

import json
import sys

from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsCoordinateTransform,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsReferencedRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # type: ignore[import-not-found]

SIDE_PX = 1200


def describe_project(path: str, picture: str) -> dict:
    project = QgsProject.instance()
    opened = project.read(path)
    layers = [node.layer() for node in project.layerTreeRoot().findLayers()]
    shown = [node.layer() for node in project.layerTreeRoot().findLayers() if node.isVisible()]
    return dict(
        opened=opened, crs_valid=project.crs().isValid(), crs=project.crs().toProj(), ellipsoid=project.ellipsoid(),
        layers=[describe_layer(layer, project) for layer in layers], shown=[layer.name() for layer in shown],
        craters=places(layers, project), view=draw(project, shown, picture),
    )  # fmt: skip


def describe_layer(layer, project) -> dict:
    way = QgsCoordinateTransform(layer.crs(), project.crs(), project)
    vector = isinstance(layer, QgsVectorLayer)
    bounds = layer.extent() if vector else way.transformBoundingBox(layer.extent())
    return dict(
        title=layer.name(), valid=layer.isValid(), crs_valid=layer.crs().isValid(), crs=layer.crs().toProj(),
        renderer=layer.renderer().type() if layer.renderer() else None, source=layer.source(),
        features=layer.featureCount() if vector else None, transform_valid=way.isValid(),
        bounds=[bounds.xMinimum(), bounds.yMinimum(), bounds.xMaximum(), bounds.yMaximum()],
        pixel=None if vector else layer.rasterUnitsPerPixelX(),
    )  # fmt: skip


def places(layers, project) -> dict:
    """The points (x, y on the map) of craters by their ids."""
    for layer in layers:
        if isinstance(layer, QgsVectorLayer) and layer.fields().indexOf("diameter_km") >= 0:
            way = QgsCoordinateTransform(layer.crs(), project.crs(), project)
            points = {row["id"]: way.transform(QgsPointXY(row["lon"], row["lat"])) for row in layer.getFeatures()}
            return {name: [point.x(), point.y()] for name, point in points.items()}
    return {}


def draw(project, layers, picture: str) -> list[float]:
    """Draw layers as the project shows them; returns what is in the picture: left, bottom, right and top on the map."""
    extent: QgsReferencedRectangle = project.viewSettings().defaultViewExtent()
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(project.crs())
    settings.setEllipsoid(project.ellipsoid())
    settings.setTransformContext(project.transformContext())
    settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
    shown = settings.visibleExtent()
    return [shown.xMinimum(), shown.yMinimum(), shown.xMaximum(), shown.yMaximum()]


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps(describe_project(*sys.argv[1:])))
    QgsProject.instance().clear()
    application.exitQgis()
