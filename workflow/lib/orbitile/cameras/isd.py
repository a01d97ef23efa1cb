"""Camera models as USGS tools write them: ISD files (JSON) of line scanners and framing cameras.

Two dialects are read. In the one, positions, pointing and the body's rotation are in J2000 (`instrument_position`,
`instrument_pointing`, `body_rotation`); in the older one positions and attitudes are body-fixed (`sensor_position`,
`sensor_orientation`). Sources: the formats' descriptions and models of USGS ale and usgscsm.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np
from scipy.spatial.transform import Rotation

from orbitile.cameras.camera import Camera
from orbitile.cameras.distortion import AlongLine, Cubic, Distortion, NoDistortion, Radial
from orbitile.cameras.frame import FrameCamera
from orbitile.cameras.line_scan import LineScanCamera, LineTimes
from orbitile.cameras.motion import Motion, Path, Turning
from orbitile.cameras.optics import Detector, Optics
from orbitile.cameras.surfaces import Ellipsoid
from orbitile.errors import OrbitileError, first_line

LINE_SCAN, FRAME = "USGS_ASTRO_LINE_SCANNER_SENSOR_MODEL", "USGS_ASTRO_FRAME_SENSOR_MODEL"
METRES = {"m": 1.0, "km": 1000.0}


def read_camera(path: FilePath, size: tuple[int, int] | None = None) -> Camera:
    """The camera of an ISD file; `size` (width, height) stands in for the image's size where the file has another.

    OrbitileError for what is no ISD, or one of another kind of sensor.
    """
    isd = _load(path)
    try:
        model = isd["name_model"]
        if model not in (LINE_SCAN, FRAME):
            raise OrbitileError(f"{path}: name_model is {model!r}; cameras read are {LINE_SCAN} and {FRAME}")
        return (_line_scan if model == LINE_SCAN else _frame)(isd, size)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise OrbitileError(f"{path}: not a camera model as USGS tools write it ({_fault(error)})") from error


def read_ellipsoid(path: FilePath) -> Ellipsoid:
    """The body's ellipsoid that an ISD file names; OrbitileError where it names none."""
    isd = _load(path)
    try:
        radii = isd["radii"]
        unit = METRES[radii["unit"]]
        return Ellipsoid(radii["semimajor"] * unit, radii["semiminor"] * unit)
    except (KeyError, TypeError) as error:
        raise OrbitileError(f"{path}: not a camera model as USGS tools write it ({_fault(error)})") from error


def _load(path: FilePath) -> dict:
    try:
        isd = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise OrbitileError(f"{path}: not a readable camera model ({first_line(error)})") from error
    if not isinstance(isd, dict):
        raise OrbitileError(f"{path}: not a camera model as USGS tools write it")
    return isd


def _fault(error: Exception) -> str:
    return f"{error} missing" if isinstance(error, KeyError) else first_line(error)


def _line_scan(isd: Mapping, size: tuple[int, int] | None) -> LineScanCamera:
    width, height = size or (isd["image_samples"], isd["image_lines"])
    scan = np.array(isd["line_scan_rate"], float).reshape(-1, 3)
    # Rows count from their upper edge, the table's lines from their middle, at 0.5.
    times = LineTimes(tuple(scan[:, 0] - 0.5), tuple(scan[:, 1]), tuple(scan[:, 2]))
    motion = _motion(isd)
    return LineScanCamera(width, height, _facing(_optics(isd), motion), _detector(isd), times, motion)


def _frame(isd: Mapping, size: tuple[int, int] | None) -> FrameCamera:
    width, height = size or (isd["image_samples"], isd["image_lines"])
    motion = _motion(isd)
    positions, turned = motion.at(np.zeros(1))
    return FrameCamera(width, height, _facing(_optics(isd), motion), _detector(isd), positions[0], turned[0])


def _detector(isd: Mapping) -> Detector:
    return Detector(isd["starting_detector_sample"], isd["starting_detector_line"], isd["detector_sample_summing"])


def _optics(isd: Mapping) -> Optics:
    centre = isd["detector_center"]
    return Optics(
        isd["focal_length_model"]["focal_length"],
        _distortion(isd["optical_distortion"]),
        (centre["sample"], centre["line"]),
        tuple(isd["focal2pixel_samples"]),
        tuple(isd["focal2pixel_lines"]),
    )


def _distortion(models: Mapping) -> Distortion:
    (name, model), *_ = models.items()
    if name == "radial":
        found = model["coefficients"]
        return Radial(tuple(found)) if any(found) else NoDistortion()
    if name == "lrolrocnac":
        return AlongLine(model["coefficients"][0])
    if name == "transverse":
        return Cubic(tuple(model["x"]), tuple(model["y"]))
    raise ValueError(f"optical_distortion {name!r}; known are radial, lrolrocnac and transverse")


def _facing(optics: Optics, motion: Motion) -> Optics:
    """The optics, turned round where a model's camera looks along -z: a line of sight is the same both ways."""
    positions, turned = motion.at(np.zeros(1))
    if turned.apply([0.0, 0.0, 1.0])[0] @ positions[0] < 0:
        return optics
    samples, lines = ((row[0], -row[1], -row[2]) for row in (optics.samples, optics.lines))
    return replace(optics, focal_mm=-optics.focal_mm, samples=samples, lines=lines)


def _motion(isd: Mapping) -> Motion:
    """The motion, its times counted from the image's middle: seconds since 2000 have too few digits left."""
    return _inertial(isd) if "instrument_position" in isd else _body_fixed(isd)


def _inertial(isd: Mapping) -> Motion:
    """Of an ISD in J2000, whose rotations lead from there to the camera and to the body."""
    centre = isd["center_ephemeris_time"]
    place = isd["instrument_position"]
    pointing = _turning(isd["instrument_pointing"], centre)
    return Motion(
        _path(place, np.array(place["ephemeris_times"]) - centre),
        Turning(pointing.times, pointing.rotations.inv()),
        _turning(isd["body_rotation"], centre),
    )


def _body_fixed(isd: Mapping) -> Motion:
    """Of an ISD with body-fixed positions at an even pace, and rotations (x, y, z, w) from the camera to the body."""
    orientation = Rotation.from_quat(isd["sensor_orientation"]["quaternions"])
    place = isd["sensor_position"]
    moments = isd.get("t0_ephemeris", 0) + isd.get("dt_ephemeris", 0) * np.arange(len(place["positions"]))
    turns = isd.get("t0_quaternion", 0) + isd.get("dt_quaternion", 0) * np.arange(len(orientation))
    return Motion(_path(place, moments), Turning(turns, orientation), Turning(np.zeros(1), Rotation.identity(1)))


def _path(table: Mapping, times: np.ndarray) -> Path:
    unit = METRES[table.get("unit", "km")]
    return Path(times, *(np.array(table[name], float) * unit for name in ("positions", "velocities")))


def _turning(table: Mapping, centre: float) -> Turning:
    """A table's rotations out of J2000, its quaternions (w, x, y, z) followed by a constant matrix."""
    rotations = Rotation.from_quat(np.array(table["quaternions"])[:, [1, 2, 3, 0]])
    if "constant_rotation" in table:
        rotations = Rotation.from_matrix(np.reshape(table["constant_rotation"], (3, 3))) * rotations
    return Turning(np.array(table["ephemeris_times"]) - centre, rotations)
