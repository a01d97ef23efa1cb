"""Images from strangers that try to read files outside their folder, to reach a network, to run code or to hang.

Every maker takes a random.Random and a Place and returns the path of an image. What lies in `place.outside` is secret;
some makers aim at files of the system instead.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from affine import Affine

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import FileAccess
from orbitile.georeferencing.image_header import read_image_header
from orbitile.rasters.band_selection import opened_values
from orbitile.rasters.read import read_window
from orbitile.rasters.references import image_files
from orbitile.space.grids import Window

SIDE = 16
SECRET, OPEN = 77, 33
"""Values of all pixels of files that must not be read, and of those that may."""
MOON = "IAU_2015:30110"
PORT = 18765
"""Nobody listens there."""
HARMLESS = ("good_vrt", "good_nested_vrt", "good_mask", "good_label", "good_tiff")
"""Makers of images that must be accepted."""


@dataclass(frozen=True)
class Place:
    """The folder of the images, and one beside it whose files are none of their business."""

    images: Path
    outside: Path

    @classmethod
    def make(cls, folder: Path) -> "Place":
        place = cls(folder / "images", folder / "secret")
        for path in (place.images, place.outside):
            path.mkdir(parents=True)
        write_tiff(place.images / "open.tif", OPEN)
        write_tiff(place.outside / "secret.tif", SECRET)
        (place.outside / "secret.bin").write_bytes(bytes([SECRET]) * SIDE * SIDE)
        os.mkfifo(place.images / "pipe.tif")
        return place


def write_tiff(path: Path, value: int, **tags: str) -> Path:
    pixels = np.full((1, SIDE, SIDE), value, np.uint8)
    transform = Affine(100, 0, 0, 0, -100, 0)
    profile = dict(driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="uint8", crs=MOON, transform=transform)
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(pixels)
        if tags:
            sink.update_tags(1, ns="OVERVIEWS", **tags)
    return path


def vrt(*bands: str, root: str = "", inside: str = "") -> str:
    """A virtual raster with the text of its bands."""
    return (
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"{root}><SRS>IAU_2015:30110</SRS>'
        f"<GeoTransform>0,100,0,0,0,-100</GeoTransform>{inside}{''.join(bands)}</VRTDataset>"
    )


def band(*sources: str, attributes: str = "") -> str:
    return f'<VRTRasterBand dataType="Byte" band="1"{attributes}>{"".join(sources)}</VRTRasterBand>'


def source(file: str, kind: str = "SimpleSource", relative: str = ' relativeToVRT="0"') -> str:
    return f"<{kind}><SourceFilename{relative}>{file}</SourceFilename><SourceBand>1</SourceBand></{kind}>"


def target(random: Random, place: Place) -> str:
    """A file that must not be read, an address, a device, a pipe."""
    secret, address = place.outside / "secret.tif", f"http://127.0.0.1:{PORT}/a.tif"
    return random.choice([
        str(secret), "../secret/secret.tif", f"{place.images}/../secret/secret.tif", "/etc/passwd", "/etc/hostname",
        f"/vsicurl/{address}", address, f"/vsicurl?url={address}", f"/vsicurl_streaming/{address}", "/vsis3/bucket/a.tif",  # noqa: E501
        f"/vsisubfile/0_99,{secret}", f"/vsizip/{place.outside}/a.zip/a.tif", "/vsistdin/", f"/vsigzip/{secret}",
        f"/vsicached?file={secret}", f"/vsisparse/{secret}", f"/vsicrypt/key=a,file={secret}", f"file://{secret}",
        f"vrt://{secret}", f"GTIFF_DIR:1:{secret}", f"GTIFF_RAW:{secret}", f"NETCDF:{address}", f"WMS:{address}",
        f"WCS:{address}", f"HTTP:{address}", f"GTI:{address}", f"DERIVED_SUBDATASET:AMPLITUDE:{secret}", "/dev/zero",
        "/dev/stdin", "/proc/self/environ", "/proc/self/fd/0", str(place.images / "pipe.tif"), "pipe.tif",
        f"<VRTDataset/>{secret}", escape(vrt(band(source(str(secret))))), f"{secret}|layername=a", f"PG:host={address}",
    ])  # fmt: skip


def named(place: Place, text: str, name: str = "image.vrt") -> Path:
    path = place.images / name
    path.write_text(text)
    return path


def sources_of_vrt(random: Random, place: Place) -> Path:
    kind = random.choice(["SimpleSource", "ComplexSource", "AveragedSource", "KernelFilteredSource", "simplesource"])
    relative = random.choice(
        ['relativeToVRT="0"', 'relativeToVRT="1"', "relativetovrt='1'", 'RelativeToVRT="true"', ""]
    )
    text = source(target(random, place), kind, f" {relative}")
    if random.random() < 0.3:
        text = text.replace("SourceFilename", random.choice(["sourcefilename", "SOURCEFILENAME"]))
    if random.random() < 0.3:
        text = f"<MaskBand>{band(text)}</MaskBand>"
        return named(place, vrt(band(source("open.tif", relative=' relativeToVRT="1"')), text), "image.tif")
    return named(place, vrt(band(text)), random.choice(["image.vrt", "image.tif", "image.cub", "image.IMG"]))


def raw_band_of_vrt(random: Random, place: Place) -> Path:
    file = random.choice(
        [target(random, place), str(place.outside / "secret.bin"), "../secret/secret.bin", "/etc/passwd"]
    )
    relative = random.choice([' relativeToVRT="0"', ' relativetoVRT="1"', ""])
    text = f"<SourceFilename{relative}>{file}</SourceFilename><LineOffset>{SIDE}</LineOffset>"
    return named(place, vrt(band(text, attributes=' subClass="VRTRawRasterBand"')))


def hidden_words_of_vrt(random: Random, place: Place) -> Path:
    """Words where two parsers of XML may differ."""
    secret = str(place.outside / "secret.tif")
    options = ' relativeToVRT="0"'
    texts = [
        band(f'<SimpleSource SourceFilename="{secret}"><SourceBand>1</SourceBand></SimpleSource>'),
        band(source(f"{secret}<!-- .tif -->x")),
        band(source(f"<!-- -->{secret}")),
        band(source(f"<![CDATA[{secret}]]>")),
        band(source(secret.replace("/", "&#47;"))),
        band(source(f"open.tif</SourceFilename><SourceFilename{options}>{secret}")),
        band(source(f"{secret}</SourceFilename><SourceFilename{options}>open.tif")),
        band(f"<subClass>VRTRawRasterBand</subClass><SourceFilename>{secret}</SourceFilename>"),
        band(source(f"<relativeToVRT>0</relativeToVRT>{secret}", relative="")),
        band(source(f" {secret}")),
        band(source(f"{secret}\n")),
        band(f'<a:SimpleSource xmlns:a="b">{source(secret)}</a:SimpleSource>', source(secret)),
        band(source("&xxe;")),
        band(f"<Overview><SourceFilename{options}>{secret}</SourceFilename><SourceBand>1</SourceBand></Overview>"),
    ]
    text = vrt(random.choice(texts))
    if random.random() < 0.2:
        text = f'<!DOCTYPE a [<!ENTITY xxe SYSTEM "file://{secret}">]>{text}'
    return named(place, random.choice(["", "\n", "  ", '<?xml version="1.0"?>', "\ufeff"]) + text)


def kinds_of_vrt(random: Random, place: Place) -> Path:
    """Subclasses and transformations that name files in ways of their own, and code."""
    file = target(random, place)
    python = "<PixelFunctionLanguage>Python</PixelFunctionLanguage><PixelFunctionCode>import os</PixelFunctionCode>"
    derived = ' subClass="VRTDerivedRasterBand"'
    warp = f'<GDALWarpOptions><SourceDataset relativeToVRT="0">{file}</SourceDataset></GDALWarpOptions>'
    dem = f"<GDALWarpOptions><Transformer><RPCTransformer><DEMPath>{file}</DEMPath></RPCTransformer></Transformer>"
    texts = [
        vrt(band(), root=' subClass="VRTWarpedDataset"', inside=warp),
        vrt(band(), root=' subClass="VRTWarpedDataset"', inside=f"{dem}</GDALWarpOptions>"),
        vrt(band(attributes=' subClass="VRTPansharpenedRasterBand"'), root=' subClass="VRTPansharpenedDataset"',
            inside=f"<PansharpeningOptions><PanchroBand><SourceFilename>{file}</SourceFilename></PanchroBand>"
            "</PansharpeningOptions>"),
        vrt(root=' subClass="VRTProcessedDataset"',
            inside=f"<Input><SourceFilename>{file}</SourceFilename></Input><ProcessingSteps/>"),
        vrt(inside=f"<Group name='/'><Array name='a'><Source><SourceFilename>{file}</SourceFilename></Source></Array>"
            "</Group>"),
        vrt(band(source("open.tif", relative=' relativeToVRT="1"'),
                 f"<PixelFunctionType>f</PixelFunctionType>{python}", attributes=derived)),
        vrt(inside=f'<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">{escape(file)}</MDI></Metadata>'
            "<GDALWarpOptions><Transformer><GeoLocTransformer/></Transformer></GDALWarpOptions>"),
        vrt(band(f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{escape(file)}</MDI></Metadata>')),
        vrt(band(), root=f' subClass="{escape(file)}"'),
    ]  # fmt: skip
    return named(place, random.choice(texts))


def bombs(random: Random, place: Place) -> Path:
    """Virtual rasters of virtual rasters: each names the next several times, the last is a file or the first again."""
    levels, times = random.choice([(3, 60), (8, 10), (40, 1), (25, 2)])
    for level in range(levels):
        file = f"level{level + 1}.vrt" if level < levels - 1 else random.choice(["open.tif", "level0.vrt"])
        named(place, vrt(band(*[source(file, relative=' relativeToVRT="1"')] * times)), f"level{level}.vrt")
    return place.images / "level0.vrt"


def entities(random: Random, place: Place) -> Path:
    """Billion laughs."""
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    doctype = f'<!DOCTYPE VRTDataset [<!ENTITY a0 "lol">{"".join(lines)}]>'
    text = vrt(band(source("&a9;"))).replace("<SRS>", f"{doctype}<SRS>", random.choice([0, 1]))
    return named(place, text if "<!DOCTYPE" in text else f"{doctype}{text}")


def sidecars(random: Random, place: Place) -> Path:
    """An honest image with a mask, overviews or metadata that lead elsewhere."""
    path = write_tiff(place.images / "image.tif", OPEN)
    name = random.choice([".msk", ".ovr", ".MSK", ".OVR", ".msk.ovr", ".aux.xml", ".aux"])
    beside = path.with_name(path.name + name)
    file = target(random, place)
    what = random.choice(["vrt", "link", "pipe", "overviews", "service"])
    if what == "vrt":
        beside.write_text(vrt(band(source(escape(file)))))
    elif what == "link":
        beside.symlink_to(random.choice([place.outside / "secret.tif", Path("/etc/passwd"), Path("/dev/zero")]))
    elif what == "pipe":
        os.mkfifo(beside)
    elif what == "service":
        beside.write_text(f"<WCS_GDAL><ServiceURL>http://127.0.0.1:{PORT}/wcs?</ServiceURL></WCS_GDAL>")
    else:
        entry = f'<MDI key="OVERVIEW_FILE">{escape(file)}</MDI>'
        text = f'<Metadata domain="OVERVIEWS">{entry}</Metadata>'
        path.with_name("image.tif.aux.xml").write_text(
            f'<PAMDataset>{text}<PAMRasterBand band="1">{text}</PAMRasterBand></PAMDataset>'
        )
    return path


def metadata_of_tiff(random: Random, place: Place) -> Path:
    path = write_tiff(place.images / "image.tif", OPEN, OVERVIEW_FILE=target(random, place))
    return (
        path if random.random() < 0.5 else named(place, vrt(band(source("image.tif", relative=' relativeToVRT="1"'))))
    )


def labels(random: Random, place: Place) -> Path:
    """Labels of PDS3, PDS4 and ISIS that name files elsewhere."""
    file = random.choice(["../secret/secret.bin", str(place.outside / "secret.bin"), "pipe.tif", "/dev/zero", "/etc/passwd",  # noqa: E501
                          "trap.vrt", "link.bin"])  # fmt: skip
    (place.images / "link.bin").symlink_to(place.outside / "secret.bin")
    named(place, vrt(band(source(target(random, place).partition("<")[0] or "a"))), "trap.vrt")
    pds3 = (
        f'PDS_VERSION_ID = PDS3\nRECORD_TYPE = FIXED_LENGTH\nRECORD_BYTES = {SIDE}\nFILE_RECORDS = {SIDE}\n^IMAGE = "FILE"\n'  # noqa: E501
        f"OBJECT = IMAGE\nLINES = {SIDE}\nLINE_SAMPLES = {SIDE}\nSAMPLE_BITS = 8\nSAMPLE_TYPE = UNSIGNED_INTEGER\n"
        "END_OBJECT = IMAGE\nEND\n"
    )
    compressed = pds3.replace("^IMAGE", '^COMPRESSED_FILE = "FILE"\n^IMAGE').replace(
        "OBJECT = IMAGE\n", 'OBJECT = COMPRESSED_FILE\nFILE_NAME = "FILE"\nENCODING_TYPE = "JP2"\nEND_OBJECT = '
        "COMPRESSED_FILE\nOBJECT = IMAGE\n", 1,
    )  # fmt: skip
    isis = (
        'Object = IsisCube\n Object = Core\n ^Core = "FILE"\n StartByte = 1\n Format = BandSequential\n Group = Dimensions\n'  # noqa: E501
        f" Samples = {SIDE}\n Lines = {SIDE}\n Bands = 1\n End_Group\n Group = Pixels\n Type = UnsignedByte\n"
        " ByteOrder = Lsb\n Base = 0.0\n Multiplier = 1.0\n End_Group\n End_Object\nEnd_Object\nEnd\n"
    )
    axis = (
        "<Axis_Array><axis_name>{}</axis_name><elements>{}</elements><sequence_number>{}</sequence_number></Axis_Array>"
    )
    pds4 = (
        '<?xml version="1.0"?><Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/v1"><File_Area_Observational>'
        "<File><file_name>FILE</file_name></File><Array_2D_Image><offset unit='byte'>0</offset><axes>2</axes>"
        "<axis_index_order>Last Index Fastest</axis_index_order><Element_Array><data_type>UnsignedByte</data_type>"
        f"</Element_Array>{axis.format('Line', SIDE, 1)}{axis.format('Sample', SIDE, 2)}</Array_2D_Image>"
        "</File_Area_Observational></Product_Observational>"
    )
    name, text = random.choice(
        [("i.lbl", pds3), ("i.LBL", compressed), ("i.cub", isis), ("i.lbl", isis), ("i.xml", pds4)]
    )
    return named(
        place, text.replace("FILE", file) if text is not compressed else text.replace('"FILE"', f'"{file}"'), name
    )


def services(random: Random, place: Place) -> Path:
    """Descriptions of services, indices of tiles, and archives, under any name."""
    address = f"http://127.0.0.1:{PORT}/"
    texts = [
        f"<WCS_GDAL><ServiceURL>{address}wcs?</ServiceURL><CoverageName>a</CoverageName></WCS_GDAL>",
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}${{z}}/${{x}}/${{y}}.png</ServerUrl></Service><DataWindow>'
        "<UpperLeftX>0</UpperLeftX><UpperLeftY>0</UpperLeftY><LowerRightX>9</LowerRightX><LowerRightY>-9</LowerRightY>"
        "<SizeX>9</SizeX><SizeY>9</SizeY></DataWindow></GDAL_WMS>",
        f"<GDAL_WMTS><GetCapabilitiesUrl>{address}</GetCapabilitiesUrl><Layer>a</Layer></GDAL_WMTS>",
        f"<GDALTileIndexDataset><IndexDataset>/vsicurl/{address}i.gpkg</IndexDataset><LocationField>l</LocationField>"
        "</GDALTileIndexDataset>",
        '{"type":"FeatureCollection","stac_version":"1.0.0","features":[{"type":"Feature","stac_version":"1.0.0",'
        f'"assets":{{"a":{{"href":"{address}y.tif"}}}}}}]}}',
        f"<MRF_META><Raster><Size x='9' y='9' c='1'/><DataFile>{place.outside}/secret.bin</DataFile></Raster></MRF_META>",  # noqa: E501
        f'DatasetHeader Begin\nVersion = "5.0"\nDataFile = "{place.outside}/secret.bin"\nDatasetHeader End\n',
        f'{{"zarr_format":2,"metadata":{{".zgroup":{{"zarr_format":2}}}},"url":"{address}"}}',
        '{"type":"gdal_streamed_alg","command_line":"gdal raster convert /etc/passwd"}',
    ]
    return named(place, random.choice(texts), random.choice(["image.tif", "image.xml", "image.json", "i.gti", "i.ers"]))


def no_files(random: Random, place: Place) -> Path:
    """Names that are no regular files on this machine."""
    link = place.images / "link.tif"
    link.symlink_to(random.choice(["/dev/zero", "pipe.tif", ".", "/nowhere", "link.tif"]))
    address = f"127.0.0.1:{PORT}/a.tif"
    return Path(random.choice([
        str(link), str(place.images / "pipe.tif"), str(place.images), f"http://{address}", f"/vsicurl/http://{address}",
        str(place.images / f"https:/{address}"), "/dev/zero", "/dev/stdin", f"s3://{address}", f"vrt://{address}",
        f"zip://{place.outside}/a.zip!a.tif", f"{place.images}/a\0b.tif", "", f"/vsisubfile/0_99,{place.outside}/secret.tif",  # noqa: E501
    ]))  # fmt: skip


def good_vrt(random: Random, place: Place) -> Path:
    kind = random.choice(["SimpleSource", "ComplexSource"])
    if random.random() < 0.5:
        return named(place, vrt(band(source("open.tif", kind, ' relativeToVRT="1"'))))
    return named(place, vrt(band(source(str(place.images / "open.tif"), kind))))


def good_nested_vrt(random: Random, place: Place) -> Path:
    (place.images / "below").mkdir()
    inner = place.images / "below" / "inner.vrt"
    inner.write_text(vrt(band(source("../open.tif", relative=' relativeToVRT="1"'))))
    return named(place, vrt(band(source("below/inner.vrt", relative=' relativeToVRT="1"'))))


def good_mask(random: Random, place: Place) -> Path:
    path = write_tiff(place.images / "image.tif", OPEN)
    write_tiff(place.images / "image.tif.msk", 255)
    path.with_name("image.tif.aux.xml").write_text("<PAMDataset><Metadata><MDI key='a'>b</MDI></Metadata></PAMDataset>")
    return path


def good_label(random: Random, place: Place) -> Path:
    path = place.images / "image.xml"
    with rasterio.open(place.images / "open.tif") as image:
        profile = image.profile | dict(driver="PDS4", tiled=False)
        profile = {key: profile[key] for key in ("driver", "width", "height", "count", "dtype", "crs", "transform")}
        with rasterio.open(path, "w", **profile, VAR_LOGICAL_IDENTIFIER="a", VAR_TITLE="a", VAR_INVESTIGATION_AREA_NAME="a",  # noqa: E501
                           VAR_INVESTIGATION_AREA_LID_REFERENCE="a", VAR_OBSERVING_SYSTEM_NAME="a", VAR_TARGET="Moon",
                           VAR_TARGET_TYPE="a") as sink:  # fmt: skip
            sink.write(image.read())
    return path


def good_tiff(random: Random, place: Place) -> Path:
    link = place.images / "link.tif"
    link.symlink_to(place.outside / "secret.tif")  # the user names it
    return random.choice([place.images / "open.tif", link])


MAKERS: tuple[Callable[[Random, Place], Path], ...] = (
    sources_of_vrt, raw_band_of_vrt, hidden_words_of_vrt, kinds_of_vrt, bombs, entities, sidecars, metadata_of_tiff, labels,  # noqa: E501
    services, no_files, good_vrt, good_nested_vrt, good_mask, good_label, good_tiff,
)  # fmt: skip


def read_image(path: str) -> tuple[list[str], np.ndarray]:
    """Plan an image and read it all, as a run does: its files, and its pixels."""
    files = image_files(path, FileAccess())
    header = read_image_header(path)
    with opened_values(path) as (image, channels):
        pixels, _ = read_window(image, Window(0, 0, *header.size), channels)
        image.overviews(1)
        image.read_masks(1)
        return files, pixels


def check(random: Random, folder: Path) -> str:
    """Make one image of a stranger, and read it; see tests/hostile/campaign.py."""
    place = Place.make(folder)
    maker = random.choice(MAKERS)
    path = str(maker(random, place))
    try:
        files, pixels = read_image(path)
    except OrbitileError as error:
        assert "\n" not in str(error), error
        assert maker.__name__ not in HARMLESS, f"{maker.__name__} refused: {error}"
        return "refused"
    named_by_user = Path(path).resolve().parent
    strange = [file for file in files if not Path(file).resolve().is_relative_to(place.images)
               and Path(file).resolve().parent != named_by_user]  # fmt: skip
    assert not strange, f"{maker.__name__}: {strange}"
    assert maker is good_tiff or not (pixels == SECRET).all(), f"{maker.__name__} read a secret"
    return "accepted"
