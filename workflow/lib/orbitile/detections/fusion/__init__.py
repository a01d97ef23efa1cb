"""Boxes of several views of a tile fused to one set."""
