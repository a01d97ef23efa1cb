"""From crater tables and label rasters to trained weights."""
