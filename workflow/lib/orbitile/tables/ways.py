"""The ways an image may come onto the map, as scene tables, plans and catalogues call them."""

PROJECTED, ISIS, SPICE, CORNERS = "projected", "isis", "spice", "corners"
WAYS = (PROJECTED, ISIS, SPICE, CORNERS)
"""In order of trust."""
