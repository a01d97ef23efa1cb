"""Overlap of boxes and circles, on a plane or on a body, and non-max suppression by it."""
