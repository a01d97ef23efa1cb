"""What the headers of all images of a new run say together: scale, data types, map, body."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pyproj import CRS

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import FileAccess
from orbitile.base.messages import shorten_names, shortened
from orbitile.base.processes import worker_pool
from orbitile.base.remote_files import is_remote, is_served_by
from orbitile.georeferencing.image_header import read_image_header, read_remote_header
from orbitile.inference.models.zoo import ZooNetwork
from orbitile.planning.headers import HEADER_LIMIT_S, READERS
from orbitile.rasters.references import image_files
from orbitile.space.bodies import crs_body
from orbitile.tables.scenes import SceneEntry

GSD_DIGITS = 4
"""Significant digits of a proposed ground sample distance, rounded up: no scene may be coarser."""


class SurveyedImage(NamedTuple):
    """An image by its header; `gsd_m` and `body` are None where it has no map, or none that names a body.

    `gsd_m` is that of the longer side of its pixels. `is_placed`: a camera or ground control points say where it lies.
    """

    path: str
    width: int
    height: int
    dtypes: tuple[str, ...]
    gsd_m: float | None
    is_placed: bool
    is_in_degrees: bool
    body: str | None


@dataclass(frozen=True)
class ImageSurvey:
    """The images of a run."""

    images: Sequence[SurveyedImage]

    @property
    def pixels(self) -> int:
        """Of all images."""
        return sum(image.width * image.height for image in self.images)

    @property
    def unmapped(self) -> list[SurveyedImage]:
        """Images without a map."""
        return [image for image in self.images if image.gsd_m is None]

    @property
    def is_plain(self) -> bool:
        """Whether nothing says where the images lie, so that they are mapped in pixel coordinates."""
        return bool(self.unmapped) and not any(image.is_placed for image in self.unmapped)

    @property
    def gsd_range_m(self) -> tuple[float, float] | None:
        """The finest and the coarsest ground sample distance (m/px); None where no image has a map."""
        sizes = [image.gsd_m for image in self.images if image.gsd_m is not None]
        return (min(sizes), max(sizes)) if sizes else None

    @property
    def dtypes(self) -> dict[str, int]:
        """How many images have which data type, the most frequent first; of several bands all that occur."""
        counts = Counter("+".join(image.dtypes) for image in self.images)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def has_degrees(self) -> bool:
        """Whether a map counts in degrees."""
        return any(image.is_in_degrees for image in self.images)

    def body_name(self) -> str:
        """The body that all maps name; OrbitileError where they name none or several."""
        names = sorted({image.body for image in self.images if image.body is not None})
        if len(names) == 1:
            return names[0]
        fault = f"the images lie on {', '.join(names)}" if names else "no image says which body it shows"
        raise OrbitileError(f"--body: {fault}; name the run's body, such as --body Mars")


def survey_images(entries: Sequence[SceneEntry], servers: Sequence[str] = ()) -> ImageSurvey:
    """Read the headers of a scene table's images, those on `servers` among them.

    OrbitileError for the first that cannot be read, and for images on other servers, which are not asked.
    """
    _check_servers(entries, servers)
    for entry in entries:
        if not (is_remote(entry.path) or Path(entry.path).is_file()):
            raise OrbitileError(f"scenes: scene {entry.scene}: there is no file {entry.path}")
    workers = worker_pool(min(READERS, core_count(), len(entries)), HEADER_LIMIT_S)
    with workers as pool, ThreadPoolExecutor(READERS) as threads:
        return ImageSurvey([*threads.map(partial(pool.call, _survey_image), [entry.path for entry in entries])])


def _check_servers(entries: Sequence[SceneEntry], servers: Sequence[str]) -> None:
    """OrbitileError, which lists the servers, for images on those that may not be asked."""
    refused = [entry.path for entry in entries if is_remote(entry.path) and not is_served_by(entry.path, servers)]
    if refused:
        hosts = dict.fromkeys("/".join(path.split("/")[:3]) for path in refused)
        raise OrbitileError(
            f"scenes: {len(refused):,} of the images, such as {shortened(refused[0], 200)}, lie on servers that may "
            f"not be asked: {shorten_names(hosts)}; --server ADDRESS permits a server (docs/scenes.md)"
        )


def _survey_image(path: str) -> SurveyedImage:
    if is_remote(path):
        header = read_remote_header(path)
    else:
        image_files(path, FileAccess())
        header = read_image_header(path)
    grid, dtypes = header.grid, tuple(dict.fromkeys(band.dtype for band in header.bands))
    system = grid.crs if grid else CRS.from_wkt(header.gcps[1]) if header.gcps else None
    body = crs_body(system) if system else None
    name = body.name if body else header.product.body if header.product else None
    return SurveyedImage(
        path, header.width, header.height, dtypes, max(grid.sides_m) if grid else None,
        header.product is not None or header.gcps is not None, bool(grid and grid.crs.is_geographic), name,
    )  # fmt: skip


def rounded_up(gsd_m: float) -> float:
    """A ground sample distance with GSD_DIGITS significant digits, not finer than before."""
    step = 10.0 ** (np.floor(np.log10(gsd_m)) + 1 - GSD_DIGITS)
    return float(f"{np.ceil(round(gsd_m / step, 6)) * step:.{GSD_DIGITS}g}")


class NetworkFit(NamedTuple):
    """A network for images of a ground sample distance, and the finest scale to search them at (m/px)."""

    network: ZooNetwork
    finest_m: float

    @property
    def is_coarsened(self) -> bool:
        """Whether the images are finer than what the network is for, and searched coarser than they are."""
        return self.finest_m == self.network.facts.about.gsd_m


def fitting_network(networks: Iterable[ZooNetwork], body: str, gsd_m: float) -> NetworkFit:
    """The network for images of a body whose coarsest have `gsd_m` m/px.

    One whose range holds that scale; else the one of the nearest coarser scale, to which finer images are averaged.
    OrbitileError, which lists them, where all are for other bodies or for finer images.
    """
    networks = list(networks)
    fits = [fit_network(each, gsd_m) for each in networks if each.facts.about.body == body and _fits(each, gsd_m)]
    if not fits:
        choices = "; ".join(f"{each.name} ({_purpose(each)})" for each in networks)
        raise OrbitileError(
            f"model: no network in models/ is for images of {body} with {gsd_m:.4g} m/px; there are {choices}; "
            "--model NAME takes one nevertheless"
        )
    return min(fits, key=lambda fit: (fit.is_coarsened, fit.finest_m, fit.network.name))


def fit_network(network: ZooNetwork, gsd_m: float) -> NetworkFit:
    """A network at the images' own scale where its range holds that or it is coarser, else at the network's scale."""
    about = network.facts.about
    finer = gsd_m < about.gsd_range_m[0]
    return NetworkFit(network, about.gsd_m if finer else rounded_up(gsd_m))


def _fits(network: ZooNetwork, gsd_m: float) -> bool:
    return gsd_m <= network.facts.about.gsd_range_m[1]


def _purpose(network: ZooNetwork) -> str:
    low, high = network.facts.about.gsd_range_m
    return f"{network.facts.about.body}, {low:g} to {high:g} m/px"
