"""The missions whose images are read."""

from orbitile.cameras.instruments.instrument import Mission

MRO = Mission("MRO", -74000, "MARS", ("IAU_MARS",))
LRO = Mission("LRO", -85000, "MOON", ("MOON_ME", "IAU_MOON"), fallback_m=150.0)
"""The mean-Earth frame of the lunar ephemeris; without its kernels places are some 75 to 150 m off."""
MESSENGER = Mission("MESSENGER", -236000, "MERCURY", ("IAU_MERCURY",))
