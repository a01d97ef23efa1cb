"""Runs inside QGIS's own Python: `in_qgis.py LAYER WKT` prints, as JSON, what QGIS makes of a layer.

Whether the layer and its coordinate reference system are valid, and that system as PROJ writes it; and for each
feature the bounds of its geometry, its scene, and the point (lon, lat) of its columns, transformed from the layer's
system to the one of the WKT.
"""

import json
import sys

from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)


def describe_layer(path: str, wkt: str) -> dict:
    layer = QgsVectorLayer(path, "layer", "ogr")
    way = QgsCoordinateTransform(layer.crs(), QgsCoordinateReferenceSystem.fromWkt(wkt), QgsProject.instance())
    return dict(
        valid=layer.isValid(),
        crs_valid=layer.crs().isValid(),
        crs=layer.crs().toProj(),
        renderer=layer.renderer().type() if layer.renderer() else None,
        transform_valid=way.isValid(),
        features=[describe_feature(feature, way) for feature in layer.getFeatures()],
    )


def describe_feature(feature: QgsFeature, way: QgsCoordinateTransform) -> dict:
    bounds = feature.geometry().boundingBox()
    point = way.transform(QgsPointXY(feature["lon"], feature["lat"]))
    return dict(
        scene=feature["scene"] if feature.fieldNameIndex("scene") >= 0 else None,
        bounds=[bounds.xMinimum(), bounds.yMinimum(), bounds.xMaximum(), bounds.yMaximum()],
        on_map=[point.x(), point.y()],
    )


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps(describe_layer(*sys.argv[1:])))
    application.exitQgis()
