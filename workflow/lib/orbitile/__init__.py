"""Orbitile: from orbital images to catalogues of craters and maps of surface features."""

__version__ = "0.2.0"
