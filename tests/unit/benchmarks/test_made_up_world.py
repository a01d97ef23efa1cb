import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.tables.detections import GEOLOCATED, MAP_BOX, ORDER
from orbitile.tables.parquet import read_arrow, write_table
from orbitile.tables.plan import read_plan, read_rows

SPEC = importlib.util.spec_from_file_location(
    "made_up_world", Path(__file__).parents[3] / "benchmarks" / "made_up_world.py"
)
SCENES, SURVIVORS = 200, 20_000


@pytest.fixture(scope="module")
def made_up():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    module.SCENES_PER_GROUP = 9
    return module


@pytest.fixture(scope="module")
def world(made_up, tmp_path_factory):
    world = made_up.World(tmp_path_factory.mktemp("world"), SURVIVORS, SCENES)
    made_up.write_plan_of(world)
    return world


@pytest.fixture(scope="module")
def tables(made_up, world):
    """The detections of every group."""
    return {group: made_up.group_detections(world, numbers).to_pandas() for group, numbers in members(world).items()}


def members(world):
    scenes = {}
    for scene, group in sorted(read_plan(world.plan_path).group_of_scene.items()):
        scenes.setdefault(group, []).append(int(scene[1:]))
    return scenes


def nms_settings(world):
    return NmsSettings(**world.settings.nms_settings, radius_m=find_body("Mars").radius_m)


@pytest.mark.parametrize("scenes", [20, 200, 15_000])
def test_cells_divide_the_sphere_and_scenes_overlap_by_a_tenth(made_up, scenes):
    layout = made_up.SceneLayout.of(scenes)
    assert layout.count == scenes
    random = np.random.default_rng(0)
    lon, lat = random.uniform(-180, 180, 20), np.degrees(np.arcsin(random.uniform(-1, 1, 20)))
    lon, lat = np.append(lon, [-180, 0, 179.999]), np.append(lat, [3.3, -90, 89.999])
    cells, bounds = (
        np.array([of(scene) for scene in range(scenes)]).T[..., None] for of in (layout.cell, layout.bounds)
    )
    assert (((lon >= cells[0]) & (lon < cells[2]) & (lat >= cells[1]) & (lat < cells[3])).sum(axis=0) == 1).all()
    assert ((bounds[2] - bounds[0]) / (cells[2] - cells[0])).ravel() == pytest.approx(1.1)
    sides = np.array([layout.bounds(scene) for scene in range(scenes)])
    area = np.radians(sides[:, 2] - sides[:, 0]) * np.diff(np.sin(np.radians(sides[:, [1, 3]]))).ravel()
    assert area.sum() / (4 * np.pi) == pytest.approx(1.21, abs=0.04)


@pytest.mark.parametrize("scene", [0, 1, 57, 100, 199])
def test_a_scene_knows_all_cells_within_its_bounds(made_up, scene):
    layout = made_up.SceneLayout.of(SCENES)
    west, south, east, north = layout.bounds(scene)
    lon, lat = np.meshgrid(np.linspace(west, east, 40)[:-1], np.linspace(south, north, 40)[:-1])
    lon = (lon + 180) % 360 - 180
    boxes = [layout.cell(cell) for cell in range(SCENES)]
    touched = {
        cell for cell, (w, s, e, n) in enumerate(boxes) if ((lon >= w) & (lon < e) & (lat >= s) & (lat < n)).any()
    }
    assert touched <= set(layout.cells_within(scene))
    assert len(layout.cells_within(scene)) <= len(touched) + 6


def test_a_scene_reports_the_same_in_every_group(made_up, world):
    alone, together = (made_up.group_detections(world, scenes).to_pandas() for scenes in ([57], [3, 57, 58, 199]))
    made_up.cell_objects.cache_clear()
    pd.testing.assert_frame_equal(alone, together[together["scene"] == "s00057"].reset_index(drop=True))
    pd.testing.assert_frame_equal(alone, made_up.group_detections(world, [57]).to_pandas())


def test_a_table_is_what_untile_would_write(made_up, world, tmp_path):
    group, scenes = next(iter(members(world).items()))
    assert made_up.write_group(world, group, scenes) > 1000
    written = read_arrow(world.table("detections", group))
    frame = written.to_pandas()
    write_table(frame.sort_values(ORDER, ignore_index=True), GEOLOCATED, tmp_path / "sorted.parquet")
    assert written.schema == GEOLOCATED
    assert written.equals(read_arrow(tmp_path / "sorted.parquet"), check_metadata=True)
    assert frame["lon"].between(-180, 180, inclusive="left").all() and frame["lat"].between(-90, 90).all()


def test_boxes_lie_on_the_map_of_their_scene(world, tables):
    rows = {row.scene: row for row in read_rows(world.plan_path)}
    for table in tables.values():
        part = table[(table["lat"].abs() < 60) & (table["diameter_km"] < 100)].iloc[::50]
        lon, lat, width, height = Ground(rows["s00000"].crs_wkt, find_body("Mars").radius_m).measure(
            part[MAP_BOX].to_numpy()
        )
        assert np.abs((lon - part["lon"] + 180) % 360 - 180).max() < 0.02 if len(part) else True
        assert lat == pytest.approx(part["lat"], abs=0.02)
        assert width == pytest.approx(part["width_m"], rel=0.01)
        assert height == pytest.approx(part["height_m"], rel=0.01)


def test_diameters_follow_a_power_law(made_up, world):
    objects = [made_up.cell_objects(world, cell) for cell in range(SCENES)]
    diameter = np.sqrt(np.concatenate([part.width * part.height for part in objects]))
    assert len(diameter) == world.objects
    shares = [(diameter > factor * world.smallest_m).mean() for factor in (1, 2, 4, 8)]
    assert shares == pytest.approx([1, 1 / 4, 1 / 16, 1 / 64], rel=0.15)


def test_so_many_survive_and_each_is_reported_nearly_three_times(world, tables):
    detections = pd.concat(tables.values(), ignore_index=True)
    candidates = select_candidates(detections, nms_settings(world))
    survivors = catalogue_nms(candidates, nms_settings(world)).alive.sum()
    assert survivors == pytest.approx(SURVIVORS, rel=0.02)
    assert len(detections) / survivors == pytest.approx(2.8, abs=0.1)
    assert candidates.duplicated(["lat", "lon"]).sum() > 20  # the same pixels in two scenes
    assert candidates["truncated"].any()


def test_suppression_group_by_group_leaves_what_suppression_of_all_does(world, tables):
    settings, plan = nms_settings(world), read_plan(world.plan_path)
    candidates = {group: select_candidates(table, settings) for group, table in tables.items()}
    everywhere = pd.concat(candidates.values(), ignore_index=True)
    expected = catalogue_nms(everywhere, settings).alive.sum()
    shared, alone = 0, 0
    for group, table in candidates.items():
        ring = [candidates[name] for name in plan.rings(group, 1)[0]]
        alive = catalogue_nms(pd.concat([table, *ring], ignore_index=True), settings).alive[: len(table)]
        shared += alive.sum()
        alone += catalogue_nms(table, settings).alive.sum()
    assert shared == expected
    assert alone > 1.05 * shared  # objects near borders are reported on both sides
