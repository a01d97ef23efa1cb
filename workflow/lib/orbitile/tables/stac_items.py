"""Items of a STAC catalogue in place of a scene table: which file of each is its image, and what else they tell.

Nothing is asked of a server, and nothing is read but the files of the items. Items come from others: images that they
name on this machine must lie in the folder of their item's file, or below.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from pystac import Asset, Item, STACError, STACTypeError

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import check_regular, real_path
from orbitile.base.messages import shorten_names, shortened
from orbitile.space.bodies import find_body
from orbitile.tables.image_folders import IMAGE_SUFFIXES, scene_name

ITEM_SUFFIXES = (".json", ".geojson")
GEOTIFF_TYPES = ("image/tiff", "image/vnd.stac.geotiff")
"""Beginnings of the media types of GeoTIFFs; the second is that of STAC before 1.0."""
GEOTIFF_SUFFIXES = (".tif", ".tiff")
"""Suffixes that stand in for a media type that an asset does not state."""
LARGEST_BYTES = 2**30
"""Of a file with items."""
NAMED_ASSETS = 20
"""Names of assets in a message."""
URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=~"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
WITHOUT_CREDENTIALS = "credentials are not supported; download the image, and name the file in a scene table"
MALFORMED = (STACError, STACTypeError, AttributeError, KeyError, TypeError, ValueError)
"""What pystac raises for items that are none."""


class StacScene(NamedTuple):
    """A row of a scene table: the path or the address of its image.

    Body and incidence (degrees) are None where the item does not tell them.
    """

    scene: str
    path: str
    body: str | None
    incidence: float | None


@dataclass(frozen=True)
class StacScenes:
    """The scenes of STAC items, sorted by name, and what is doubtful about them, in a line each."""

    scenes: Sequence[StacScene]
    warnings: Sequence[str]


class PlacedItem(NamedTuple):
    """A STAC item, the file that it stands in, and a text that says where, for messages."""

    item: Item
    file: Path
    place: str

    def field(self, asset: Asset, name: str) -> Any:  # noqa: ANN401 (JSON)
        """A field of an asset, which may be stated by its item for all assets; None where neither has it."""
        return asset.extra_fields.get(name, self.item.properties.get(name))


def holds_stac_items(scenes: Path, asset: str | None = None) -> bool:
    """Whether scenes are STAC items: a JSON file, or a folder of such files.

    A folder that has images, too, is one of images, unless the name of an asset is given.
    """
    if not scenes.is_dir():
        return scenes.suffix.lower() in ITEM_SUFFIXES
    has_images = any(path.suffix.lower() in IMAGE_SUFFIXES for path in scenes.iterdir())
    return bool(_item_files(scenes)) and (asset is not None or not has_images)


def read_stac_scenes(scenes: Path, asset: str | None = None) -> StacScenes:
    """The images of STAC items: of an item's file, of a file of many (FeatureCollection), or of a folder of both.

    The image is the asset of that name or, where None is given, the only GeoTIFF with the role `data`. OrbitileError
    names file, item and the way out.
    """
    files = _item_files(scenes) if scenes.is_dir() else [scenes]
    warnings: list[str] = []
    places: dict[str, str] = {}
    rows = []
    for item in (item for file in files for item in _items_of_file(file, scenes.is_dir(), warnings)):
        row = _scene(item, asset)
        if (earlier := places.setdefault(row.scene.casefold(), item.place)) != item.place:
            raise OrbitileError(
                f"{item.place}: would be the scene {row.scene}, like {earlier}; remove one of the items"
            )
        rows.append(row)
    if not rows:
        raise OrbitileError(f"scenes: {scenes}: holds no STAC item; name a file of items, or a folder of such files")
    return StacScenes(sorted(rows), warnings)


def _item_files(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in ITEM_SUFFIXES)
    return sorted(path for path in files if not path.name.startswith(".") and path.is_file())


def _items_of_file(file: Path, is_in_folder: bool, warnings: list[str]) -> Iterator[PlacedItem]:
    """The items of a file, and warnings of what it lacks; none of a catalogue that lies beside its items."""
    content = _read_json(file)
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "Feature":
        yield PlacedItem(_parse_item(content, str(file)), file, str(file))
    elif kind == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list):
            raise OrbitileError(f"{file}: has no list of features; save the answer of the search again")
        warnings += _incomplete(file, content, len(features))
        for number, feature in enumerate(features, 1):
            place = f"{file}: item {number} of {len(features)}"
            item = _parse_item(feature, place)
            yield PlacedItem(item, file, f"{place} ({shortened(item.id)})")
    elif kind not in ("Catalog", "Collection") or not is_in_folder:
        names = f"a STAC {kind}, which holds no items itself" if kind in ("Catalog", "Collection") else "no STAC item"
        raise OrbitileError(f"{file}: is {names}; name the file of an item, or the saved answer of a search for items")


def _read_json(file: Path) -> Any:  # noqa: ANN401 (JSON)
    check_regular(file)
    if file.stat().st_size > LARGEST_BYTES:
        raise OrbitileError(f"{file}: has more than {LARGEST_BYTES:,} bytes; split it into several files in a folder")
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise OrbitileError(f"{file}: is no JSON ({first_line(error)}); save the items again") from error


def _incomplete(file: Path, content: Mapping[str, Any], count: int) -> Iterator[str]:
    """A warning where a collection of items is a page of an answer that has more."""
    matched, links = content.get("numberMatched"), content.get("links")
    listed = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    has_next = any(link.get("rel") == "next" for link in listed)
    if has_next or (isinstance(matched, int) and matched > count):
        total = f" of {matched:,}" if isinstance(matched, int) else ""
        yield f"{file}: holds {count:,}{total} items, one page of an answer; save the other pages beside it for all"


def _parse_item(content: object, place: str) -> Item:
    """An item, which may lack a geometry: its image says where it lies."""
    if not isinstance(content, dict) or not isinstance(content.get("id"), str) or not content["id"]:
        raise OrbitileError(f"{place}: is no STAC item with an id; remove or correct it")
    try:
        return Item.from_dict({"geometry": None, "bbox": None, **content}, preserve_dict=False)
    except MALFORMED as error:
        reason = shortened(first_line(error), 120)
        raise OrbitileError(f"{place}: is no STAC item ({type(error).__name__}: {reason}); correct it") from error


def _scene(item: PlacedItem, name: str | None) -> StacScene:
    key = name if name is not None and name in item.item.assets else _image_asset(item, name)
    asset = item.item.assets[key]
    if not asset.href.strip():
        raise OrbitileError(f"{item.place}: asset {shortened(key)} has no href; correct it, or leave the item out")
    place = f"{item.place}: asset {shortened(key)}"
    return StacScene(
        scene_name(item.item.id), _image_path(item, asset, place), _body(item, asset), _incidence(item, asset)
    )


def _image_asset(item: PlacedItem, name: str | None) -> str:
    """The name of the only asset that can be the image; OrbitileError lists them, also where `name` is none of them."""
    assets = item.item.assets
    candidates = [key for key, asset in assets.items() if _is_geotiff_of_data(asset)]
    if name is None and len(candidates) == 1:
        return candidates[0]
    fault = f"has no asset {shortened(name)}" if name is not None else (
        "several assets could be the image" if candidates else "no asset is a GeoTIFF with the role data"
    )  # fmt: skip
    names = shorten_names((repr(shortened(key)) for key in candidates or assets), NAMED_ASSETS)
    raise OrbitileError(
        f"{item.place}: {fault}; " + (f"--asset NAME takes one of {names}" if names else "it has none at all")
    )


def _is_geotiff_of_data(asset: Asset) -> bool:
    if not isinstance(asset.roles, list) or "data" not in asset.roles:
        return False
    if isinstance(asset.media_type, str):
        return asset.media_type.lower().startswith(GEOTIFF_TYPES)
    return asset.href.lower().endswith(GEOTIFF_SUFFIXES)


def _image_path(item: PlacedItem, asset: Asset, place: str) -> str:
    """The path of an asset's file, or its address."""
    try:
        parts = urlsplit(asset.href)
        scheme, has_password = parts.scheme.lower(), parts.username is not None
    except ValueError as error:
        raise OrbitileError(
            f"{place}: {shortened(asset.href)} is no address ({first_line(error)}); correct it"
        ) from error
    if scheme in ("http", "https") and has_password:
        raise OrbitileError(f"{place}: its address holds a name or a password; {WITHOUT_CREDENTIALS}")
    if scheme in ("http", "https"):
        return quote(asset.href, safe=URL_CHARACTERS)
    if scheme == "s3":
        return _s3_address(item, asset, place)
    if scheme or asset.href.startswith("/vsi"):
        raise OrbitileError(
            f"{place}: {shortened(asset.href)} is neither a path from the item's file nor an address of HTTP, HTTPS or "
            "S3; correct it, or download the image and name the file in a scene table"
        )
    return str(_path_beside(item.file, asset.href, place))


def _path_beside(file: Path, href: str, place: str) -> Path:
    """The path of a file that is named from the folder of an item's file, and lies there or below."""
    path = file.parent / href
    try:
        if real_path(path).is_relative_to(real_path(file.parent)):
            check_regular(path)
            return path
    except OrbitileError as error:
        raise OrbitileError(f"{place}: {error}") from error
    raise OrbitileError(
        f"{place}: {shortened(href)} lies outside of the folder of {file.name}; if that is right, name the file in a "
        "scene table"
    )


def _s3_address(item: PlacedItem, asset: Asset, place: str) -> str:
    """The HTTPS address of a file in a public bucket, whose name is part of the host's where certificates cover it."""
    bucket, _, key = asset.href[len("s3://") :].partition("/")
    storage = _storage(item, asset)
    region = storage.get("region")
    if storage.get("requester_pays") is True:
        raise OrbitileError(f"{place}: whoever reads bucket {shortened(bucket)} pays for it; {WITHOUT_CREDENTIALS}")
    if str(storage.get("platform") or "AWS").upper() != "AWS":
        raise OrbitileError(
            f"{place}: bucket {shortened(bucket)} is not one of AWS ({shortened(storage['platform'])}); name the image "
            "by its HTTPS address in a scene table"
        )
    if not BUCKET.fullmatch(bucket) or not key:
        raise OrbitileError(f"{place}: {shortened(asset.href)} is not s3://BUCKET/KEY; correct it")
    if region is not None and not (isinstance(region, str) and REGION.fullmatch(region)):
        raise OrbitileError(f"{place}: storage:region {shortened(region)} is no region of AWS; correct or remove it")
    domain = "amazonaws.com.cn" if region and region.startswith("cn-") else "amazonaws.com"
    host = f"s3.{region}.{domain}" if region else f"s3.{domain}"
    folder = f"{host}/{bucket}" if "." in bucket else f"{bucket}.{host}"
    return f"https://{folder}/{quote(key)}"


def _storage(item: PlacedItem, asset: Asset) -> Mapping[str, Any]:
    """What an item states of where an asset is stored: platform, region, requester_pays (storage extension 1 and 2)."""
    schemes, names = item.field(asset, "storage:schemes"), item.field(asset, "storage:refs")
    if not isinstance(schemes, Mapping):
        return {name: item.field(asset, f"storage:{name}") for name in ("platform", "region", "requester_pays")}
    names = names if isinstance(names, list) else list(schemes)
    chosen = [schemes[name] for name in names if isinstance(name, str) and isinstance(schemes.get(name), Mapping)]
    of_aws = [scheme for scheme in chosen if scheme.get("type") == "aws-s3"]
    return {**of_aws[0], "platform": "AWS"} if of_aws else (chosen or [{}])[0]


def _body(item: PlacedItem, asset: Asset) -> str | None:
    """The body that an item is of; None where it names none, several, or an unknown one: the image's map tells it."""
    targets = item.field(asset, "ssys:targets")
    targets = [targets] if isinstance(targets, str) else targets
    if not isinstance(targets, list) or len(targets) != 1:
        return None
    try:
        return find_body(str(targets[0])).name
    except OrbitileError:
        return None


def _incidence(item: PlacedItem, asset: Asset) -> float | None:
    """Degrees between Sun and vertical, from the Sun's elevation: `view:incidence_angle` is that of the view."""
    elevation = item.field(asset, "view:sun_elevation")
    if elevation is None:
        return None
    if isinstance(elevation, bool) or not isinstance(elevation, int | float) or not -90 <= elevation <= 90:
        raise OrbitileError(
            f"{item.place}: view:sun_elevation {shortened(elevation)} is no angle of -90 to 90 degrees; correct or "
            "remove it"
        )
    return round(90.0 - elevation, 6)
