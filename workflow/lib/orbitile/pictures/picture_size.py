"""How large the picture of a scene becomes; without what draws it, so that a plan can ask."""

LARGEST_PX = 4096
"""Longer sides of a scene's picture are shrunk to this."""
