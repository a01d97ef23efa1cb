"""Runs inside QGIS's own Python: `judge_in_qgis.py LAYER` judges as a person does; prints the form, as JSON.

The first row of the sample becomes right, the second is moved by 0.1 degrees to the east, and a crater is drawn.
"""

import json
import sys

from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsGeometry,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)

DRAWN = "MultiPolygon(((10 20,11 20,11 21,10 21,10 20)))"


def judge(path: str) -> dict:
    layer = QgsVectorLayer(f"{path}|layername=judge", "judge", "ogr")
    names = layer.fields().names()
    verdict = names.index("verdict")
    widget = layer.editorWidgetSetup(verdict)
    rows = {row["sample_number"]: row for row in layer.getFeatures("sample_number <= 2")}
    assert layer.startEditing()
    layer.changeAttributeValue(rows[1].id(), verdict, "right")
    layer.changeAttributeValue(rows[2].id(), verdict, "moved")
    shape = rows[2].geometry()
    shape.translate(0.1, 0)
    layer.changeGeometry(rows[2].id(), shape)
    drawn = QgsVectorLayerUtils.createFeature(layer, QgsGeometry.fromWkt(DRAWN), {verdict: "added"})
    assert layer.addFeature(drawn) and layer.commitChanges(), layer.commitErrors()
    return dict(
        widget=widget.type(), choices=[name for entry in widget.config()["map"] for name in entry],
        read_only=[name for number, name in enumerate(names) if layer.editFormConfig().readOnly(number)],
        renderer=layer.renderer().type(),
    )  # fmt: skip


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    print(json.dumps(judge(sys.argv[1])))
    application.exitQgis()
