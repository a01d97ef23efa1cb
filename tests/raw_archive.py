"""Made-up raw products, with labels as the archives write them. No pixel of these was ever measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.space.grids import Window

REFERENCES = Path(__file__).parent / "data" / "camera"
HIRISE = REFERENCES / "hirise" / "PSP_001446_1790_BG12_0.IMG"
NACL = REFERENCES / "lro_nac" / "nacl.img"
NAC_LABEL = REFERENCES / "lro_nac" / "M103595705LE_pds3.lbl"
CTX_LABEL = REFERENCES / "ctx" / "B10_013341_1010_XN_79S172W_pds3.lbl"


def pvl_text(values):
    """Keywords, and objects from dictionaries, as lines of PVL."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"OBJECT = {key}", *("  " + line for line in pvl_text(value)), f"END_OBJECT = {key}"]
        else:
            lines.append(f"{key} = {value}")
    return lines


@dataclass(frozen=True)
class Archive:
    """Writes products into a folder; keywords given replace those of the label, None leaves them out."""

    folder: Path

    def write(self, name, label, pixels, record_bytes, detached=False):
        """A product of a label with `^IMAGE` in its second record, attached or in a .lbl file without that record."""
        body = {key: value for key, value in label.items() if value is not None}
        path = self.folder / name
        if detached:
            (self.folder / name).with_suffix(".lbl").write_text(self.text(body | {"^IMAGE": f'("{name}", 1)'}))
            path.write_bytes(pixels.tobytes())
        else:
            text = self.text(body).encode()
            records = -(-len(text) // record_bytes)
            text = self.text(body | {"^IMAGE": f"{records + 1:6d}"}).encode()
            path.write_bytes(text.ljust(records * record_bytes) + pixels.tobytes())
        return path

    @staticmethod
    def text(label):
        """A PDS3 label's text."""
        return "\r\n".join(["PDS_VERSION_ID = PDS3", *pvl_text({"^IMAGE": " " * 6} | label), "END", ""])

    def ctx(self, pixels, detached=False, **keywords):
        """A CTX EDR of whole lines (n, 5056), or (n, 2528) with SAMPLING_FACTOR=2."""
        height, width = pixels.shape
        label = dict(
            FILE_NAME='"P01_000000_0000_XN_00N000W.IMG"', RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=width,
            SPACECRAFT_NAME="MARS_RECONNAISSANCE_ORBITER", INSTRUMENT_NAME='"CONTEXT CAMERA"', TARGET_NAME="MARS",
            INSTRUMENT_ID="CTX", DATA_SET_ID='"MRO-M-CTX-2-EDR-L0-V1.0"', PRODUCT_ID='"P01_000000_0000_XN_00N000W"',
            START_TIME="2009-06-01T00:38:16.057", SPACECRAFT_CLOCK_START_COUNT='"0928283918:060"',
            FOCAL_PLANE_TEMPERATURE="295.2 <K>", SAMPLE_BIT_MODE_ID='"SQROOT"', LINE_EXPOSURE_DURATION="1.877 <MSEC>",
            SAMPLING_FACTOR=1, SAMPLE_FIRST_PIXEL=0,
        ) | keywords  # fmt: skip
        image = dict(LINES=height, LINE_SAMPLES=width, LINE_PREFIX_BYTES=0, LINE_SUFFIX_BYTES=0,
                     SAMPLE_TYPE="UNSIGNED_INTEGER", SAMPLE_BITS=8, SAMPLE_BIT_MASK="2#11111111#",
                     CHECKSUM=f"16#{int(pixels.sum()) % 2**32:08X}#")  # fmt: skip
        name = label["FILE_NAME"].strip('"')
        return self.write(name, label | dict(IMAGE=image | keywords.get("IMAGE", {})), pixels, width, detached)

    def mdis(self, pixels, **keywords):
        """An EDR of MESSENGER's narrow-angle camera, of 8 or (big-endian) 16 bits."""
        height, width = pixels.shape
        label = dict(
            RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=512, MISSION_NAME="MESSENGER", INSTRUMENT_HOST_NAME="MESSENGER",
            DATA_SET_ID="MESS-E/V/H-MDIS-2-EDR-RAWDATA-V1.0", DATA_QUALITY_ID="0000001000000000",
            PRODUCT_ID="EN0000000000M", TARGET_NAME="MERCURY", OBSERVATION_TYPE='(Monochrome, "Ridealong NAC")',
            SITE_ID="N/A", START_TIME="2015-04-24T04:42:19.666463",
            SPACECRAFT_CLOCK_START_COUNT="2/0072174528:989000", INSTRUMENT_ID="MDIS-NAC", EXPOSURE_DURATION="1 <MS>",
            FILTER_TEMPERATURE="N/A", FOCAL_PLANE_TEMPERATURE="4.07 <DEGC>",
        ) | {
            "MESS:FPU_BIN": int(width < 1024), "MESS:COMP12_8": 1, "MESS:PIXELBIN": 0, "MESS:SUBFRAME": 0,
        } | keywords  # fmt: skip
        kind = "UNSIGNED_INTEGER" if pixels.itemsize == 1 else "MSB_UNSIGNED_INTEGER"
        image = dict(LINES=height, LINE_SAMPLES=width, SAMPLE_TYPE=kind, SAMPLE_BITS=8 * pixels.itemsize)
        stored = pixels.astype(pixels.dtype.newbyteorder(">"))
        return self.write("EN0000000000M.IMG", label | dict(IMAGE=image), stored, 512)

    def nac(self, pixels, detached=False, name="M000000000LE", **keywords):
        """A NAC EDR of whole lines (n, 5064), or (n, 2532) with CROSSTRACK_SUMMING=2."""
        height, width = pixels.shape
        label = dict(
            RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=width, DATA_SET_ID='"LRO-L-LROC-2-EDR-V1.0"',
            PRODUCT_ID=name, PRODUCT_TYPE="EDR", INSTRUMENT_HOST_ID="LRO",
            INSTRUMENT_ID="LROC", TARGET_NAME='"MOON"', FRAME_ID="LEFT",
            PRODUCT_VERSION_ID='"v1.8"', CROSSTRACK_SUMMING=width and 5064 // width,
            LINE_EXPOSURE_DURATION="1.028800 <ms>",
        ) | {
            "LRO:BTERM": "(0,8,25,59,128)", "LRO:MTERM": "(0.5,0.25,0.125,0.0625,0.03125)",
            "LRO:XTERM": "(0,32,136,543,2207)",
        } | keywords  # fmt: skip
        image = dict(LINES=height, LINE_SAMPLES=width, SAMPLE_BITS=8, SAMPLE_TYPE="LSB_INTEGER")
        image |= keywords.get("IMAGE", {})
        return self.write(f"{name}.IMG", label | dict(IMAGE=image), pixels, width, detached)

    def hirise(self, pixels, sync=b"\xff\x00\xe8", **keywords):
        """A HiRISE EDR of one channel, of 8 or (big-endian) 16 bits, whose lines all begin with `sync`.

        Before each line are 6 bytes and 12 buffer pixels, after it 16 dark ones, as in the archive.
        """
        (height, width), size = pixels.shape, pixels.itemsize
        prefix, suffix = 6 + 12 * size, 16 * size
        lines = np.zeros((height, prefix + width * size + suffix), np.uint8)
        lines[:, :3] = np.frombuffer(sync, np.uint8)
        lines[:, prefix:-suffix] = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8)
        label = dict(
            RECORD_TYPE="UNDEFINED", DATA_SET_ID='"MRO-M-HIRISE-2-EDR-V1.0"', PRODUCT_ID='"PSP_000000_0000_RED4_0"',
            INSTRUMENT_ID='"HIRISE"', TARGET_NAME='"MARS"',
            INSTRUMENT_SETTING_PARAMETERS={
                "MRO:CPMM_NUMBER": 5, "MRO:CHANNEL_NUMBER": 0, "MRO:BINNING": 1024 // width,
                "MRO:LOOKUP_CONVERSION_TABLE": "((0, 0))",
            } | keywords,
        )  # fmt: skip
        image = dict(LINES=height, LINE_SAMPLES=width, SAMPLE_BITS=8 * size, SAMPLE_TYPE="MSB_UNSIGNED_INTEGER",
                     LINE_PREFIX_BYTES=prefix, LINE_SUFFIX_BYTES=suffix)  # fmt: skip
        objects = dict(CALIBRATION_IMAGE=image | dict(LINES=41), IMAGE=image)
        return self.write("PSP_000000_0000_RED4_0.IMG", label | objects, lines, 1)


def zeros(height: int, width: int, dtype: type = np.uint8) -> np.ndarray:
    """Pixels (height, width) of 0."""
    return np.zeros((height, width), dtype)


def random_pixels(height: int, width: int, high: int = 250) -> np.ndarray:
    """Pixels (height, width; uint8) from 1 up to but not `high`, always the same."""
    return np.random.default_rng(0).integers(1, high, (height, width)).astype(np.uint8)


def read_all(path: str, decompanded: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A product's pixels, and where they are valid."""
    pixels = RawPixels(read_product(path), decompanded)
    return pixels.read(Window(0, 0, pixels.width, pixels.height))
