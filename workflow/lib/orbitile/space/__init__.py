"""Where things are: bodies, pixel grids, and the way between pixels and the ground."""
