"""Styles and projects for geographic information systems, as QGIS reads them."""
