"""Names of the views of a tile in which a network may search it; no other library is needed to know them."""

D4_VIEWS = {
    "mirror": (False, True, False),
    "flip": (False, False, True),
    "turn_90": (True, False, True),
    "turn_180": (False, True, True),
    "turn_270": (True, True, False),
    "transpose": (True, False, False),
    "antitranspose": (True, True, True),
}
"""Views besides the tile as it is: whether rows and columns are exchanged, and then left and right, top and bottom.

Turns are counterclockwise. With the tile itself they are all symmetries of the square, the dihedral group D4.
"""
