"""Weak labels: lines and polygons drawn by people, turned into label rasters on the scenes' own grids."""
