"""How an image may be georeferenced, as scene tables, plans and catalogues call it."""

PROJECTED, ISIS, SPICE, CORNERS = "projected", "isis", "spice", "corners"
GEOREF_METHODS = (PROJECTED, ISIS, SPICE, CORNERS)
"""In order of trust."""
