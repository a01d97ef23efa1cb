"""From binary masks to polygons and centre lines, and their measures on the ground."""
