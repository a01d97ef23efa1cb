"""The Mars Reconnaissance Orbiter, which carries CTX and HiRISE."""

from orbitile.georeferencing.instruments.spice_camera import Mission

MRO = Mission("MRO", -74000, "MARS", ("IAU_MARS",))
