"""The list of instruments, and its look-ups: an instrument by its name, or by the label of a raw product."""

from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.ctx import CTX
from orbitile.georeferencing.instruments.hirise import HIRISE
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.lroc_nac import LROC_NACL, LROC_NACR
from orbitile.georeferencing.instruments.mdis_nac import MDIS_NAC
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import RawProduct, describe_product, is_raw

INSTRUMENTS: tuple[Instrument, ...] = (
    CTX,
    HIRISE,
    LROC_NACL,
    LROC_NACR,
    MDIS_NAC,
)
"""The instruments whose raw products can be read; a new one is a file in this folder and a line here."""


def instrument_names() -> list[str]:
    """The names of all instruments, in the order of the list."""
    return [instrument.name for instrument in INSTRUMENTS]


def find_instrument(name: str) -> Instrument:
    """The instrument of a name; OrbitileError if there is none."""
    for instrument in INSTRUMENTS:
        if instrument.name == name:
            return instrument
    raise OrbitileError(
        f"instrument: raw images of {name!r} cannot be read; those of {', '.join(instrument_names())} can"
    )


def read_product(path: str | Path) -> RawProduct | None:
    """The raw product of a file: of an image with its label in it or beside it, or of a label.

    None for what is not raw: no label, calibrated or map-projected products, ISIS cubes. OrbitileError for a raw
    product of an instrument that is not in the list, and for labels that contradict themselves.
    """
    label = PvlLabel.find(path)
    return None if label is None else product_of_label(label)


def product_of_label(label: PvlLabel) -> RawProduct | None:
    """The raw product that a label describes (see `read_product`)."""
    if not is_raw(label):
        return None
    instrument = _instrument_of(label)
    return describe_product(label, instrument.name, instrument.raw)


def _instrument_of(label: PvlLabel) -> Instrument:
    for instrument in INSTRUMENTS:
        if instrument.recognises(label):
            return instrument
    values = [label.text(key).upper() for key in ("INSTRUMENT_ID", "FRAME_ID") if label.has(key)]
    raise OrbitileError(
        f"{label.path}: its INSTRUMENT_ID is {' '.join(values) or 'missing'}; raw images of "
        f"{', '.join(instrument_names())} can be read: give a calibrated or map-projected product of this instrument"
    )
