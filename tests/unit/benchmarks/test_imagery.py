import importlib.util
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from orbitile.detections.tiling import TileSize

SPEC = importlib.util.spec_from_file_location("imagery", Path(__file__).parents[3] / "benchmarks" / "imagery.py")
SIDE = 320


@pytest.fixture(scope="module")
def imagery():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module


@pytest.fixture
def relief(geotiff):
    return [geotiff(np.random.default_rng(0).integers(1, 256, (100, 100), np.uint8), "relief.tif")]


def written(imagery, folder, relief, **how):
    path = folder / f"{'-'.join(map(str, how.values()))}.tif"
    imagery.write_raster(path, 200, relief, **how)
    with rasterio.open(path) as source:
        return source.read()


def test_rasters_of_all_types_look_alike(imagery, tmp_path, relief):
    first = written(imagery, tmp_path, relief, kind="uint8")
    assert np.array_equal(first, written(imagery, tmp_path, relief, kind="uint8", channels=1))
    for kind, about in imagery.KINDS.items():
        pixels = written(imagery, tmp_path, relief, kind=kind)
        assert pixels.dtype == kind
        assert np.array_equal(about.stretch.apply(pixels, np.ones(pixels.shape[1:], bool)), first)


def test_a_sparse_raster_has_content_here_and_there(imagery, tmp_path, relief, monkeypatch):
    monkeypatch.setattr(imagery, "CELL_PX", 20)
    pixels = written(imagery, tmp_path, relief, kind="uint8", sparse=True)[0]
    assert (pixels > 0).mean() == pytest.approx(0.13, abs=0.01)  # 13 of 100 cells


def test_tiles_cover_a_raster_to_its_ends(imagery):
    found = imagery.windows(30_000, 30_000, TileSize(640, 120))
    assert len(found) == 3364
    assert (found[-1].col, found[-1].row) == (29_360, 29_360)


def test_canned_answers_hold_so_many_objects(imagery):
    answers = imagery.canned_answers(20, SIDE)
    assert torch.equal(answers, imagery.canned_answers(20, SIDE))
    centre, size, score = answers.split((2, 2, 1), dim=1)
    assert ((score > 0.25).sum(dim=2) > 20).all() and ((score > 0.25).sum(dim=2) <= 80).all()
    best = score > 0.04
    assert (best.sum(dim=2) == 80).all()
    inside = (centre - size / 2 >= 0) & (centre + size / 2 <= SIDE)
    assert inside.all(dim=1, keepdim=True)[best].all()


def test_a_tile_gets_the_same_answer_in_any_company(imagery):
    images = torch.randint(0, 256, (12, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0)) / 255
    chosen = imagery.choice_of(images)
    assert len(set(chosen.tolist())) > 6
    assert torch.equal(chosen[[7, 2]], imagery.choice_of(images[[7, 2]].expand(-1, 3, -1, -1)))


def test_boxes_are_compared_one_to_one(imagery):
    ours = np.array([[0, 10, 10, 20, 20, 0.9], [0, 50, 50, 60, 60, 0.8], [1, 10, 10, 20, 20, 0.9]])
    assert imagery.compare(ours, ours[::-1]) == dict(matched=3, only_ours=0, only_theirs=0, share=1.0)
    moved = ours + np.array([0, 0.9, -0.9, 0, 0, 0.009])
    assert imagery.compare(ours, moved)["matched"] == 3
    assert imagery.compare(ours, ours + np.array([0, 1.1, 0, 0, 0, 0]))["matched"] == 0
    assert imagery.compare(ours, ours + np.array([0, 0, 0, 0, 0, 0.02]))["matched"] == 0
    twice = np.concatenate([ours[:1], ours[:1], ours[1:2]])
    assert imagery.compare(ours, twice) == dict(matched=2, only_ours=1, only_theirs=1, share=round(4 / 6, 6))
    assert imagery.compare(ours[:0], ours) == dict(matched=0, only_ours=0, only_theirs=3, share=0.0)
