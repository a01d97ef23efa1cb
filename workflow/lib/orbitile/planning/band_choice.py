"""Which bands of its image a scene is mapped with, and whether these suit the network and the other scenes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import format_count
from orbitile.inference.models.network_channels import network_channels, stated_channels
from orbitile.inference.models.weights_header import stated_bands
from orbitile.rasters.data_bands import DataBand
from orbitile.settings import Settings
from orbitile.tables.plan import PlanRow

BAND_PLACES = "in the scene table's column bands, in the setting bands or, for a new run, by --bands"
WAY_OUT = f"name the bands to use {BAND_PLACES}"
SPELLINGS = {"grey": "gray"}


class NetworkBands(NamedTuple):
    """How many bands images for a network have: if none are requested, and as its weights state it, if they do.

    `names` are those of the bands that it learnt from, in their order, where the weights state them.
    """

    default: int
    stated: int | None = None
    names: tuple[str, ...] | None = None

    def are_in_another_order(self, names: Sequence[str]) -> bool:
        """Whether these are the names of the bands that it learnt from, in another order."""
        expected, plain = _plain(self.names or ()), _plain(names)
        return expected != plain and sorted(expected) == sorted(plain)


class BandRules(NamedTuple):
    """What decides which bands are used: the setting, and the network; None where there is none yet, only training.

    The weights are read when `network` is called: for scenes of several bands, or with bands requested.
    """

    setting: tuple[int | str, ...] | None
    network: Callable[[], NetworkBands | None] = lambda: None

    def requested(self, cell: tuple[int | str, ...] | None) -> tuple[int | str, ...] | None:
        """The bands that the scene table (a cell of it) or else the setting names; None for none."""
        return self.setting if cell is None else cell

    def still_hold(self, row: PlanRow, requested: tuple[int | str, ...] | None) -> bool:
        """Whether the bands of a row of an earlier plan, made for the same names, suit the network of today."""
        network = self.network() if requested is not None or len(row.bands) > 1 else None
        if network is not None and network.names and _plain(network.names) != _plain(row.band_names):
            return False
        if requested is None:
            return len(row.bands) == 1 or (network is not None and len(row.bands) == network.default)
        return network is None or network.stated in (None, len(row.bands))


def network_bands(settings: Settings) -> NetworkBands | None:
    """What the run's network takes, by its weights; None for a run without a network."""
    model = settings.model
    if model is None:
        return None
    channels = stated_channels(model)
    return NetworkBands(network_channels(model), channels, stated_bands(model.weights, channels))


def _plain(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def choose_bands(
    bands: Sequence[DataBand],
    requested: Sequence[int | str] | None,
    network: Callable[[], NetworkBands | None],
    image: str,
) -> tuple[DataBand, ...]:
    """The bands of an image to use: those that are `requested`, by number, colour or description, in this order.

    If none are requested: the only one, those that the network learnt from by their names, or all if it takes as many.
    OrbitileError begins with `image`, for bands that do not exist, names that fit none or several, a number or an order
    that the network does not take, and bands of which it is open what brightness their values mean.
    """
    chosen = _requested_bands(bands, requested, network, image)
    for band in chosen:
        if band.fault:
            raise OrbitileError(f"{image}: its band {band.number} {band.fault}")
    return chosen


def _requested_bands(
    bands: Sequence[DataBand],
    requested: Sequence[int | str] | None,
    network: Callable[[], NetworkBands | None],
    image: str,
) -> tuple[DataBand, ...]:
    if requested is None:
        return _default_bands(bands, network, image)
    chosen = tuple(_find_band(bands, name, image) for name in requested)
    takes = network()
    if takes is not None and takes.stated not in (None, len(chosen)):
        raise OrbitileError(
            f"{image} is to be used with {format_count(len(chosen), 'band')}, but the network takes {takes.stated}; "
            f"name as many {BAND_PLACES}, or use other weights"
        )
    names = [band.name for band in chosen]
    if takes is not None and takes.names and takes.are_in_another_order(names):
        raise OrbitileError(
            f"{image} is to be used with the bands {', '.join(names)}, but the network learnt from "
            f"{', '.join(takes.names)}; name them in this order {BAND_PLACES}, or leave them out"
        )
    return chosen


def _default_bands(
    bands: Sequence[DataBand], network: Callable[[], NetworkBands | None], image: str
) -> tuple[DataBand, ...]:
    if len(bands) == 1:
        return (bands[0],)
    takes = network()
    if takes is None:
        raise OrbitileError(f"{image} has {_list_bands(bands)}; {WAY_OUT}")
    by_name = [[band for band in bands if name.casefold() in band.keywords] for name in takes.names or ()]
    if by_name and all(len(matches) == 1 for matches in by_name):
        return tuple(matches[0] for matches in by_name)
    if takes.default != len(bands):
        raise OrbitileError(f"{image} has {_list_bands(bands)}, but the network takes {takes.default}; {WAY_OUT}")
    return tuple(bands)


def _find_band(bands: Sequence[DataBand], name: int | str, image: str) -> DataBand:
    """The band of a number, colour or description."""
    if isinstance(name, int):
        matches = [band for band in bands if band.number == name]
    else:
        keyword = SPELLINGS.get(name.casefold(), name.casefold())
        matches = [band for band in bands if keyword in band.keywords]
    if len(matches) != 1:
        fault = f"has {len(matches)} bands called {name!r}" if matches else f"has no band {name!r}"
        raise OrbitileError(f"{image} {fault}; it has {_list_bands(bands)}; {WAY_OUT}")
    return matches[0]


def odd_band_counts(rows: Sequence[PlanRow]) -> dict[str, str]:
    """Why images (rows of a plan) cannot be planned that have another number of bands than most, by scene."""
    counts = Counter(len(row.bands) for row in rows)
    if len(counts) < 2:
        return {}
    usual = min(counts, key=lambda count: (-counts[count], count))
    return {
        row.scene: f"{row.path}: scene {row.scene} is to be used with {format_count(len(row.bands), 'band')}, but "
        f"the other scenes with {usual}; {WAY_OUT}"
        for row in rows
        if len(row.bands) != usual
    }


def check_stretch(rows: Sequence[PlanRow], settings: Settings) -> None:
    """Refuse stretch_values of another number of bands than the run's images have."""
    pairs = settings.stretch_values
    counts = {len(row.bands) for row in rows}
    if pairs is not None and len(pairs) > 1 and counts and counts != {len(pairs)}:
        raise OrbitileError(
            f"stretch_values: {len(pairs)} pairs are given, but the scenes are used with "
            f"{format_count(max(counts), 'band')}; give one pair for all bands, or one for each band"
        )


def _list_bands(bands: Sequence[DataBand]) -> str:
    return f"{format_count(len(bands), 'band')} ({', '.join(map(str, bands))})"
