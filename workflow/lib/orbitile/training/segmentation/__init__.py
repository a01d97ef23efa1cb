"""From scenes and label rasters to the weights of a segmentation network."""
