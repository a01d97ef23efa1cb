"""An instrument: all that the library must know of it to read, place and calibrate its raw products.

Each stands in a file of its own in this folder; `orbitile.georeferencing.instruments.registry` lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orbitile.georeferencing.instruments.spice_camera import SpiceCamera
from orbitile.georeferencing.isis.sequences import IsisPrograms
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import RawFormat


@dataclass(frozen=True)
class Instrument:
    """An instrument by its name in tables and messages.

    `label_values` are keywords and values (in capitals) of a PDS3 label that are an instrument's own, INSTRUMENT_ID
    first; `raw` is how its files are read, `camera` how its images are placed, `isis` how ISIS processes them.
    """

    name: str
    label_values: Mapping[str, str]
    raw: RawFormat
    camera: SpiceCamera
    isis: IsisPrograms

    def recognises(self, label: PvlLabel) -> bool:
        """Whether a label is of an image of this instrument."""
        return all(label.has(key) and label.text(key).upper() == value for key, value in self.label_values.items())
