"""Units as PVL labels spell them, and the conversion between them."""

_SPELLINGS = {
    "s": ("S", "SEC", "SECS", "SECOND", "SECONDS"),
    "ms": ("MS", "MSEC", "MSECS", "MILLISECOND", "MILLISECONDS"),
    "us": ("US", "USEC", "MICROSEC", "MICROSECOND", "MICROSECONDS"),
    "m": ("M", "METER", "METERS", "METRE", "METRES"),
    "km": ("KM", "KILOMETER", "KILOMETERS", "KILOMETRE", "KILOMETRES"),
    "mm": ("MM", "MILLIMETER", "MILLIMETERS"),
    "um": ("UM", "MICRON", "MICRONS", "MICROMETER", "MICROMETERS"),
    "nm": ("NM", "NANOMETER", "NANOMETERS"),
    "deg": ("DEG", "DEGREE", "DEGREES"),
    "rad": ("RAD", "RADIAN", "RADIANS"),
    "K": ("K", "KELVIN", "DEGK"),
    "degC": ("C", "DEGC", "CELSIUS", "DEGREES CELSIUS"),
}
_NAMES = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}

_SCALES = {
    "s": ("time", 1.0, 0.0),
    "ms": ("time", 1e-3, 0.0),
    "us": ("time", 1e-6, 0.0),
    "m": ("length", 1.0, 0.0),
    "km": ("length", 1e3, 0.0),
    "mm": ("length", 1e-3, 0.0),
    "um": ("length", 1e-6, 0.0),
    "nm": ("length", 1e-9, 0.0),
    "deg": ("angle", 0.017453292519943295, 0.0),
    "rad": ("angle", 1.0, 0.0),
    "K": ("temperature", 1.0, 0.0),
    "degC": ("temperature", 1.0, 273.15),
}
"""The quantity that a unit measures, and its size and zero in that quantity's base unit (s, m, rad, K)."""


def convert_unit(number: float, from_unit: str, to_unit: str) -> float | None:
    """A number in another unit: s, ms, us, m, km, mm, um, nm, deg, rad, K or degC.

    None if the label's unit is not known or measures another quantity. KeyError if `to_unit` is none of these.
    """
    quantity, size, zero = _SCALES[to_unit]
    name = _NAMES.get(from_unit.strip().upper())
    if name is None:
        return None
    from_quantity, from_size, from_zero = _SCALES[name]
    if from_quantity != quantity:
        return None
    return number if name == to_unit else (number * from_size + from_zero - zero) / size
