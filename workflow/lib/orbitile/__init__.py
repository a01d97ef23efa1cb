"""Orbitile: from orbital images to catalogues of craters and maps of fractures."""
