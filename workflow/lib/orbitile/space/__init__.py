"""Geometry: bodies, pixel grids, maps, and the ground."""
