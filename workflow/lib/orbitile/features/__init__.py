"""From the outlines of scenes to the map of an entire run: joined, measured, filtered, projected onto the body."""
