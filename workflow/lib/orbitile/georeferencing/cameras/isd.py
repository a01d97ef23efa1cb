"""Camera models as USGS tools write them: ISD files (JSON) of line scanners and framing cameras.

Two dialects are read. In one, positions, pointing and the body's rotation are in J2000 (`instrument_position`,
`instrument_pointing`, `body_rotation`); in the older one positions and attitudes are body-fixed (`sensor_position`,
`sensor_orientation`). Sources: the formats' descriptions and models of USGS ale and usgscsm.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from orbitile.base.errors import OrbitileError, first_line
from orbitile.georeferencing.cameras.camera import Camera
from orbitile.georeferencing.cameras.distortion import AlongLine, Cubic, Distortion, NoDistortion, Radial
from orbitile.georeferencing.cameras.frame import FrameCamera
from orbitile.georeferencing.cameras.line_scan import LineScanCamera, LineTimes
from orbitile.georeferencing.cameras.motion import Attitude, Motion, Trajectory
from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.cameras.surfaces import Ellipsoid

LINE_SCAN, FRAME = "USGS_ASTRO_LINE_SCANNER_SENSOR_MODEL", "USGS_ASTRO_FRAME_SENSOR_MODEL"
METRES = {"m": 1.0, "km": 1000.0}


def read_camera(path: Path, size: tuple[int, int] | None = None) -> Camera:
    """The camera of an ISD file; `size` (width, height in pixels) replaces the image's size in the file.

    OrbitileError for a file that is not an ISD, or one of another kind of sensor.
    """
    isd = _load(path)
    try:
        model = isd["name_model"]
        if model not in (LINE_SCAN, FRAME):
            raise OrbitileError(f"{path}: its name_model is {model!r}; models that can be read: {LINE_SCAN}, {FRAME}")
        return _line_scan(isd, size) if model == LINE_SCAN else _frame(isd, size)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise OrbitileError(f"{path}: not a camera model as USGS tools write it ({_fault(error)})") from error


def read_ellipsoid(path: Path) -> Ellipsoid:
    """The body's ellipsoid in an ISD file; OrbitileError where it has none."""
    isd = _load(path)
    try:
        radii = isd["radii"]
        unit = METRES[radii["unit"]]
        return Ellipsoid(radii["semimajor"] * unit, radii["semiminor"] * unit)
    except (KeyError, TypeError) as error:
        raise OrbitileError(f"{path}: not a camera model as USGS tools write it ({_fault(error)})") from error


def _load(path: Path) -> dict:
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
    return LineScanCamera(width, height, _facing_body(_optics(isd), motion), _detector(isd), times, motion)


def _frame(isd: Mapping, size: tuple[int, int] | None) -> FrameCamera:
    width, height = size or (isd["image_samples"], isd["image_lines"])
    motion = _motion(isd)
    positions, rotations = motion.at(np.zeros(1))
    return FrameCamera(width, height, _facing_body(_optics(isd), motion), _detector(isd), positions[0], rotations[0])


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
        coefficients = tuple(model["coefficients"])
        return Radial(coefficients) if any(coefficients) else NoDistortion()
    if name == "lrolrocnac":
        return AlongLine(model["coefficients"][0])
    if name == "transverse":
        return Cubic(tuple(model["x"]), tuple(model["y"]))
    raise ValueError(f"optical_distortion is {name!r}; radial, lrolrocnac and transverse can be read")


def _facing_body(optics: Optics, motion: Motion) -> Optics:
    """The optics, turned round where a model's camera looks along -z: a line of sight is the same both ways."""
    positions, rotations = motion.at(np.zeros(1))
    if rotations.apply([0.0, 0.0, 1.0])[0] @ positions[0] < 0:
        return optics
    samples, lines = ((row[0], -row[1], -row[2]) for row in (optics.samples, optics.lines))
    return replace(optics, focal_mm=-optics.focal_mm, samples=samples, lines=lines)


def _motion(isd: Mapping) -> Motion:
    """The motion, its times counted from the image's middle: seconds since 2000 have too few digits left."""
    return _inertial(isd) if "instrument_position" in isd else _body_fixed(isd)


def _inertial(isd: Mapping) -> Motion:
    """Of an ISD in J2000, whose rotations lead from there to the camera and to the body."""
    centre = isd["center_ephemeris_time"]
    table = isd["instrument_position"]
    pointing = _rotations(isd["instrument_pointing"], centre)
    return Motion(
        _trajectory(table, np.array(table["ephemeris_times"]) - centre),
        Attitude(pointing.times, pointing.rotations.inv()),
        _rotations(isd["body_rotation"], centre),
    )


def _body_fixed(isd: Mapping) -> Motion:
    """Of an ISD with body-fixed positions at an even pace, and rotations (x, y, z, w) from the camera to the body."""
    orientation = Rotation.from_quat(isd["sensor_orientation"]["quaternions"])
    table = isd["sensor_position"]
    times = isd.get("t0_ephemeris", 0) + isd.get("dt_ephemeris", 0) * np.arange(len(table["positions"]))
    attitude_times = isd.get("t0_quaternion", 0) + isd.get("dt_quaternion", 0) * np.arange(len(orientation))
    no_rotation = Attitude(np.zeros(1), Rotation.identity(1))
    return Motion(_trajectory(table, times), Attitude(attitude_times, orientation), no_rotation)


def _trajectory(table: Mapping, times: np.ndarray) -> Trajectory:
    unit = METRES[table.get("unit", "km")]
    return Trajectory(times, *(np.array(table[name], float) * unit for name in ("positions", "velocities")))


def _rotations(table: Mapping, centre: float) -> Attitude:
    """A table's rotations out of J2000, its quaternions (w, x, y, z) followed by a constant matrix."""
    rotations = Rotation.from_quat(np.array(table["quaternions"])[:, [1, 2, 3, 0]])
    if "constant_rotation" in table:
        rotations = Rotation.from_matrix(np.reshape(table["constant_rotation"], (3, 3))) * rotations
    return Attitude(np.array(table["ephemeris_times"]) - centre, rotations)
