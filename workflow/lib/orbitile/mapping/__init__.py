"""From the outlines of scenes to the map of a whole run: joined, measured, filtered, laid onto the body."""
