"""SPICE kernels made by the tests: of the tables of camera models (ISD), and made-up ones. None was ever flown."""

import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spiceypy
from camera_files import CTX, LRO_NAC, MDIS, NAC_SIZE
from raw_archive import NAC_LABEL
from scipy.spatial.transform import Rotation

from orbitile.georeferencing.cameras.isd import read_camera
from orbitile.georeferencing.instruments.registry import read_product

LEAP_SECONDS, BODIES = CTX / "naif0012.tls", CTX / "pck00008.tpc"
NAC_ISD, NAC_DENSE_ISD = LRO_NAC / "lro_isis_isd.json", LRO_NAC / "lrolroc_isd.json"
MDIS_ISD = MDIS / "messmdis_isd.json"
DAY_S, CENTURY_S = 86400.0, 86400.0 * 36525
TICKS = 65536
"""Of the made clocks in a second."""


def write_text(path, kind, **keywords):
    """A text kernel of keywords, whose names may be spelled with any characters in a dictionary."""
    lines = [f"KPL/{kind}", "", "Made by a test.", "", r"\begindata", ""]
    lines += [f"{name} = ( {_values(value)} )" for name, value in keywords.items()]
    path.write_text("\n".join([*lines, "", r"\begintext", ""]))
    return path


def _values(value):
    each = [value] if isinstance(value, str) else np.ravel(value)
    return "\n  ".join(f"'{one}'" if isinstance(one, str) else f"{float(one):.17g}" for one in each)


def frame(name, code, kind, centre, **more):
    """A frame's keywords; `relative` fixes it to another, by the identity or `matrix` (9, from the other to it)."""
    keywords = {
        f"FRAME_{name}": code, f"FRAME_{code}_NAME": name, f"FRAME_{code}_CLASS": kind,
        f"FRAME_{code}_CLASS_ID": code, f"FRAME_{code}_CENTER": centre,
    }  # fmt: skip
    if kind == 3:
        keywords |= {f"CK_{code}_SCLK": centre, f"CK_{code}_SPK": centre}
    if "relative" in more:
        keywords |= {f"TKFRAME_{code}_RELATIVE": more["relative"], f"TKFRAME_{code}_SPEC": "MATRIX",
                     f"TKFRAME_{code}_MATRIX": more.get("matrix", np.eye(3))}  # fmt: skip
    return keywords


def clock(path, spacecraft, seconds, time):
    """A clock that runs as ephemeris time does and shows `seconds` at `time`."""
    code = -spacecraft
    return write_text(path, "SCLK", **{
        f"SCLK_DATA_TYPE_{code}": 1, f"SCLK01_TIME_SYSTEM_{code}": 1, f"SCLK01_N_FIELDS_{code}": 2,
        f"SCLK01_MODULI_{code}": [2**32, TICKS], f"SCLK01_OFFSETS_{code}": [0, 0],
        f"SCLK01_OUTPUT_DELIM_{code}": 2, f"SCLK_PARTITION_START_{code}": 0,
        f"SCLK_PARTITION_END_{code}": 2.0**48, f"SCLK01_COEFFICIENTS_{code}": [0, time - seconds, 1],
    })  # fmt: skip


def positions(path, spacecraft, body, times, states):
    """Positions and velocities (n, 6; km, km/s, J2000) at ephemeris times (n), cubic between them."""
    handle = spiceypy.spkopn(str(path), "MADE BY A TEST", 0)
    states = np.ascontiguousarray(states, float)
    spiceypy.spkw13(handle, spacecraft, body, "J2000", times[0], times[-1], "MADE", 3, len(times), states, times)
    spiceypy.spkcls(handle)
    return path


def attitudes(path, structure, spacecraft, times, rotations, reference="J2000"):
    """Rotations (n) from a reference frame into a structure's at ephemeris times (n), even turns between them."""
    for known in (LEAP_SECONDS, *path.parent.glob("*.tsc"), *path.parent.glob("*.tf")):
        spiceypy.furnsh(str(known))
    ticks = np.array([spiceypy.sce2c(spacecraft, time) for time in times])
    quaternions = np.array([spiceypy.m2q(matrix) for matrix in rotations.as_matrix()])
    handle = spiceypy.ckopn(str(path), "MADE BY A TEST", 0)
    still = np.zeros((len(ticks), 3))
    spiceypy.ckw03(
        handle, ticks[0], ticks[-1], structure, reference, False, "MADE", len(ticks), ticks, quaternions, still, 1,
        ticks[:1],
    )  # fmt: skip
    spiceypy.ckcls(handle)
    spiceypy.kclear()
    return path


def turning_body(name, code, centre, times, rotations):
    """Keywords of a body-fixed frame that turns evenly through two rotations out of J2000 at two times."""
    angles = np.degrees(np.unwrap([spiceypy.m2eul(matrix, 3, 1, 3) for matrix in rotations.as_matrix()], axis=0))
    at_first = dict(zip(("PM", "POLE_DEC", "POLE_RA"), angles[0] * [1, -1, 1] + [0, 90, -90], strict=True))
    slopes = (angles[1] - angles[0]) * [1, -1, 1] / (times[1] - times[0])
    units = {"PM": DAY_S, "POLE_DEC": CENTURY_S, "POLE_RA": CENTURY_S}
    polynomials = {
        f"BODY{code}_{part}": [value - slope * times[0], slope * units[part]]
        for (part, value), slope in zip(at_first.items(), slopes, strict=True)
    }
    return frame(name, code, 2, centre) | polynomials


@dataclass(frozen=True)
class NacStrip:
    """Kernels in a folder made of a camera model's tables, and the NAC strip that they belong to, of full length."""

    folder: Path
    times: np.ndarray
    states: np.ndarray
    turns: Rotation

    @classmethod
    def of_tables(cls, folder):
        isd = json.loads(NAC_ISD.read_text())
        place, pointing = isd["instrument_position"], isd["instrument_pointing"]
        times = np.array(place["ephemeris_times"])
        states = np.hstack([place["positions"], place["velocities"]])
        strip = cls(folder, times, states, Rotation.from_quat(np.array(pointing["quaternions"])[:, [1, 2, 3, 0]]))
        count = isd["naif_keywords"]["CLOCK_ET_-85_1/270649237:07208_COMPUTED"]
        clock(folder / "-85.tsc", -85, 270649237 + 7208 / TICKS, struct.unpack("<d", bytes.fromhex(count))[0])
        for path in (LEAP_SECONDS, BODIES, LRO_NAC / "lro_lroc_v18.ti", LRO_NAC / "lro_instrumentAddendum_v04.ti"):
            shutil.copy(path, folder)
        strip.frames()
        strip.moon()
        positions(folder / "strip.bsp", -85, 301, times, states)
        attitudes(folder / "strip.bc", -85000, -85, np.array(pointing["ephemeris_times"]), strip.turns)
        return strip

    def frames(self, kind=4):
        """Both cameras fixed to the bus, or with attitudes of their own."""
        keywords = frame("LRO_SC_BUS", -85000, 3, -85)
        for name, code in (("LRO_LROCNACL", -85600), ("LRO_LROCNACR", -85610)):
            keywords |= frame(name, code, kind, -85, **({"relative": "LRO_SC_BUS"} if kind == 4 else {}))
        write_text(self.folder / "frames.tf", "FK", **keywords)

    def moon(self):
        """The frame of mean Earth as the camera model has it."""
        camera = read_camera(NAC_ISD, NAC_SIZE)
        times = camera.motion.body_rotation.times
        centre = json.loads(NAC_ISD.read_text())["center_ephemeris_time"]
        keywords = turning_body("MOON_ME", 31001, 301, times + centre, camera.motion.body_rotation.at(times))
        write_text(self.folder / "moon_me.tf", "FK", **keywords)

    def product(self, name="M103595705LE", lines=NAC_SIZE[1], **changes):
        """The product of the label, of as many lines and with other values where told."""
        text = NAC_LABEL.read_text().replace("LINES                          = 400", f"LINES = {lines}")
        for old, new in changes.values():
            assert old in text
            text = text.replace(old, new)
        path = self.folder / f"{name}.lbl"
        path.write_text(text)
        return read_product(path)


MDIS_TIME_S, MDIS_COUNT, MDIS_HEIGHT_KM = 480000000.0, 72174528, 500.0
"""When a made-up frame begins, what the clock shows then, and how high over Mercury it is taken."""
MDIS_FOCAL = (549.5, 0.01)
"""Made-up focal length (mm) at 0 degrees Celsius, and how it grows (mm per degree)."""


def mdis_kernels(folder):
    """Made-up kernels of MESSENGER over Mercury, whose camera a pivot turns two degrees from straight down."""
    times = MDIS_TIME_S + np.array([-100.0, 0.0, 100.0])
    shutil.copy(LEAP_SECONDS, folder)
    shutil.copy(BODIES, folder)
    clock(folder / "-236.tsc", -236, MDIS_COUNT, MDIS_TIME_S)
    mdis_instrument(folder)
    up, orbit = np.array([0.6, 0.64, 0.48]), np.array([20.0, -40.0, 5.0])
    height = np.tile(up * (2439.7 + MDIS_HEIGHT_KM), (3, 1))
    positions(folder / "craft.bsp", -236, 199, times, np.hstack([height, np.zeros((3, 3))]))
    around_sun = np.array([4e7, 3e7, 1e7]) + orbit * (times - MDIS_TIME_S)[:, None]
    positions(folder / "planets.bsp", 199, 0, times, np.hstack([around_sun, np.tile(orbit, (3, 1))]))
    down, _ = Rotation.align_vectors([[0, 0, -1], [1, 0, 0]], [up, np.cross(up, [0, 0, 1]) / 0.8772])
    attitudes(folder / "bus.bc", -236000, -236, times, Rotation.concatenate([down] * 3))
    pivoted = Rotation.from_rotvec([[2.0, 0, 0]] * 3, degrees=True)
    attitudes(folder / "pivot.bc", -236890, -236, times, pivoted, "MSGR_SPACECRAFT")
    return folder


def mdis_instrument(folder):
    """Made-up frames, and an instrument kernel with a strong distortion: some 7 pixels at the corners."""
    mdis_frames(folder, np.eye(3))
    own = dict(
        FL_TEMP_COEFFS=[*MDIS_FOCAL, 0, 0, 0, 0], ITRANSS=[0, 1 / 0.014, 0], ITRANSL=[0, 0, 1 / 0.014],
        BORESIGHT_SAMPLE=512.5, BORESIGHT_LINE=512.5, OD_T_X=[0, 1.002, 1e-3, 0, 0, 1e-4, 1e-4, 0, 1e-4, 0],
        OD_T_Y=[0, -1e-3, 0.998, 1e-4, 0, 0, 0, 1e-4, 0, 1e-4],
    )  # fmt: skip
    write_text(folder / "mdis.ti", "IK", **{f"INS-236820_{name}": value for name, value in own.items()})


def mdis_frames(folder, from_pivot):
    """The camera's frame, fixed to the pivot's by a matrix from there; pivot and bus have attitudes."""
    frames = frame("MSGR_SPACECRAFT", -236000, 3, -236) | frame("MSGR_MDIS_PIVOT", -236890, 3, -236)
    frames |= frame("MSGR_MDIS_NAC", -236820, 4, -236, relative="MSGR_MDIS_PIVOT", matrix=from_pivot)
    write_text(folder / "frames.tf", "FK", **frames)


MERCURY_ANGLES = [174.7910857155, 149472.535875, 349.5821714311, 298945.07175, 164.3732571466, 448417.607625,
                  339.1643428622, 597890.1435, 153.9554285777, 747362.679375]  # fmt: skip
"""Of Mercury's libration, in degrees and degrees per century, as in pck00010.tpc."""


def mdis_of_tables(folder):
    """Kernels of a real frame: the instrument's and the body's keywords, and the tables of its camera model.

    The model's position has light time in it already, so that the kernels ask for none.
    """
    isd = json.loads(MDIS_ISD.read_text())
    keywords = isd["naif_keywords"]
    begun = keywords.pop("CLOCK_ET_-236_2/0072174528:989000_COMPUTED")
    shutil.copy(LEAP_SECONDS, folder)
    clock(folder / "-236.tsc", -236, MDIS_COUNT, struct.unpack("<d", bytes.fromhex(begun))[0])
    write_text(folder / "mercury.tpc", "PCK", **{name: one for name, one in keywords.items() if name[:4] == "BODY"},
               BODY1_NUT_PREC_ANGLES=MERCURY_ANGLES)  # fmt: skip
    write_text(folder / "mdis.ti", "IK", **{name: one for name, one in keywords.items() if name[:3] == "INS"},
               **{"INS-236820_LIGHTTIME_CORRECTION": "NONE"})  # fmt: skip
    pointing, place = isd["instrument_pointing"], isd["instrument_position"]
    mdis_frames(folder, pointing["constant_rotation"])
    times = isd["center_ephemeris_time"] + np.array([-1.0, 0.0, 1.0])
    velocity = np.array(place["velocities"])
    straight = place["positions"] + velocity * np.array([[-1], [0], [1]])
    positions(folder / "craft.bsp", -236, 199, times, np.hstack([straight, np.tile(velocity, (3, 1))]))
    turned = Rotation.from_quat(np.array(pointing["quaternions"] * 3)[:, [1, 2, 3, 0]])
    attitudes(folder / "bus.bc", -236000, -236, times, Rotation.identity(3))
    attitudes(folder / "pivot.bc", -236890, -236, times, turned)
    return folder
