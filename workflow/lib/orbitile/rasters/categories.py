"""Names and colours of the values of a raster, in the file beside it in which GDAL keeps what a GeoTIFF cannot hold.

GDAL's persistent auxiliary metadata (https://gdal.org/en/stable/drivers/raster/pamdataset.html): NAME.tif.aux.xml with
the categories of the band, which QGIS shows as names in the legend, and a table of attributes for other programs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from orbitile.base.files import write_text

SUFFIX = ".aux.xml"
INTEGER, TEXT = 0, 2
"""Types of columns of GDAL's attribute tables (GDALRATFieldType)."""
COLUMNS = (("Value", INTEGER, 5), ("Class", TEXT, 2), ("Red", INTEGER, 6), ("Green", INTEGER, 7), ("Blue", INTEGER, 8))
"""Their names, types and usages (GDALRATFieldUsage)."""


def categories_path(raster: str | Path) -> Path:
    """Where the names of the values of a raster are."""
    return Path(f"{raster}{SUFFIX}")


def write_categories(raster: str | Path, names: Sequence[str], colours: Mapping[int, Sequence[int]]) -> None:
    """Write the names of the values 0, 1, ... of a raster's first band, and their colours, beside the raster."""
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    categories = ElementTree.SubElement(band, "CategoryNames")
    for name in names:
        ElementTree.SubElement(categories, "Category").text = name
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for number, (title, kind, usage) in enumerate(COLUMNS):
        column = ElementTree.SubElement(table, "FieldDefn", index=str(number))
        for tag, text in (("Name", title), ("Type", str(kind)), ("Usage", str(usage))):
            ElementTree.SubElement(column, tag).text = text
    for number, name in enumerate(names):
        row = ElementTree.SubElement(table, "Row", index=str(number))
        for value in (number, name, *colours[number][:3]):
            ElementTree.SubElement(row, "F").text = str(value)
    ElementTree.indent(root)
    write_text(categories_path(raster), ElementTree.tostring(root, encoding="unicode") + "\n")
