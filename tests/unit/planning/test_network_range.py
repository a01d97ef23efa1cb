"""Scenes that are unlike the images that the run's network is for: planned, with a warning."""

import numpy as np
import pytest
import torch
from made_zoo import made_zoo

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.weights import save_tensors
from orbitile.planning.placement_checks import FAR_FROM_NETWORK
from orbitile.planning.plan import current_plan
from orbitile.settings import check_settings
from orbitile.tables.plan import read_rows

GREY = np.ones((40, 60), np.uint8)
MOON = "IAU_2015:30110"
NAME = "moon-relief-474m"


@pytest.fixture
def warnings_of(tmp_path, geotiff):
    """The warnings in the plan of scenes with some m/px, by scene; settings as they are, but for changes."""
    made_zoo(tmp_path)

    def plan(*gsds_m, **change):
        crs = None if change.get("pixel_coordinates") else MOON
        paths = [geotiff(GREY, crs=crs, gsd=gsd_m, name=f"s{number}.tif") for number, gsd_m in enumerate(gsds_m)]
        lines = ["scene,path", *(f"s{number},{path}" for number, path in enumerate(paths)), ""]
        (tmp_path / "scenes.csv").write_text("\n".join(lines))
        config = dict(run="r", body="Moon", scenes=str(tmp_path / "scenes.csv"), model=NAME) | change
        current_plan(check_settings(config, ["c"], tmp_path / "zoo"), tmp_path / "plan.parquet")
        return [row.warnings for row in read_rows(tmp_path / "plan.parquet")]

    return plan


def test_scenes_far_from_the_network_get_a_warning(warnings_of, in_this_process):
    near, fine = warnings_of(474, 100)
    assert FAR_FROM_NETWORK == 2
    assert near == []
    (line,) = fine
    assert line.startswith("it has 100 m/px, but the network is for images of 237 to 948 m/px")


def test_the_warning_follows_the_range(warnings_of, opened):
    assert warnings_of(300)[0] == []
    stated = dict(name=NAME, gsd_range_m=[700, 948])
    assert "images of 700 to 948 m/px" in warnings_of(300, model=stated)[0][0]
    assert warnings_of(300)[0] == []
    assert len(opened) == 3


def test_no_range_no_warning(warnings_of, in_this_process):
    assert warnings_of(1, model=dict(name=NAME, gsd_range_m=None)) == [[]]


@pytest.mark.parametrize(
    ("change", "count"), [({}, 1), (dict(gsd_m=474), 0), (dict(scales=[dict(gsd_m=474)]), 0)]
)  # fmt: skip
def test_a_pixel_of_unknown_length_is_noted(warnings_of, in_this_process, change, count):
    (notes,) = warnings_of(474, pixel_coordinates=True, **change)
    assert len(notes) == count
    assert all(note.startswith("its pixels count as 474 m, as in the network's images") for note in notes)


def test_a_pixel_of_stated_length_may_be_far_from_the_network(warnings_of, in_this_process):
    (notes,) = warnings_of(474, pixel_coordinates=True, gsd_m=5)
    assert [note.split(",")[0] for note in notes] == ["it has 5 m/px"]
    (notes,) = warnings_of(474, pixel_coordinates=True)
    assert "its pixels count as" in notes[0]


def test_scenes_of_another_body_than_the_networks(warnings_of, in_this_process):
    stated = dict(name=NAME, body="Mars")
    assert warnings_of(474, model=stated) == [
        ["it shows Moon, but the network is for Mars (shaded relief): craters may look other than those that it "
         "learnt; compare with a truth, or use another network"]
    ]  # fmt: skip


def test_the_warning_follows_the_body(warnings_of, opened):
    assert warnings_of(474) == [[]]
    assert "network is for Mars" in warnings_of(474, model=dict(name=NAME, body="Mars"))[0][0]
    assert warnings_of(474) == [[]]


def test_weights_of_the_zoo_are_known_by_their_hash(warnings_of, in_this_process, tmp_path):
    """The same warnings whether a run names the network or its file."""
    (tmp_path / "copy.safetensors").write_bytes((tmp_path / "zoo" / f"{NAME}.safetensors").read_bytes())
    weights = dict(weights=str(tmp_path / "copy.safetensors"), sha256=sha256(tmp_path / "copy.safetensors"))
    scales = [dict(gsd_m=474, tile_px=512, overlap_px=128)]
    assert warnings_of(100, model=weights, scales=scales) == warnings_of(100)
    assert warnings_of(100, model=weights | dict(gsd_range_m=[50, 200]), scales=scales) == [[]]


def of_a_training(folder, **purpose):
    """The section `model` of weights that state what they are for."""
    save_tensors(folder / "own.safetensors", dict(weight=torch.zeros(1)), dict(family="yolo") | purpose)
    return dict(weights=str(folder / "own.safetensors"), sha256=sha256(folder / "own.safetensors"))


def test_weights_of_a_training_say_themselves_what_they_are_for(warnings_of, in_this_process, tmp_path):
    scales = dict(scales=[dict(gsd_m=474, tile_px=512, overlap_px=128)])
    model = of_a_training(tmp_path, body="Mars", images="CTX", gsd_range_m=[5, 6])
    ((far, elsewhere),) = warnings_of(474, model=model, **scales)
    assert far.startswith("it has 474 m/px, but the network is for images of 5 to 6 m/px")
    assert elsewhere.startswith("it shows Moon, but the network is for Mars (CTX)")
    assert warnings_of(474, model=model | dict(body="Moon", gsd_range_m=[400, 500]), **scales) == [[]]
    assert warnings_of(474, model=of_a_training(tmp_path), **scales) == [[]]


@pytest.mark.parametrize(
    "purpose", [dict(body=5), dict(images="x" * 300), dict(gsd_range_m=[6, 5]), dict(gsd_range_m="5 to 6")]
)
def test_weights_that_say_it_wrongly_are_one_line(warnings_of, tmp_path, purpose):
    model = of_a_training(tmp_path, **purpose)
    with pytest.raises(OrbitileError, match=rf"own.safetensors: its {next(iter(purpose))} is .*; copy the file again"):
        warnings_of(474, model=model, scales=[dict(gsd_m=474)])


def test_the_metadata_say_what_the_network_is_for(tmp_path):
    made_zoo(tmp_path)
    config = dict(run="r", body="Moon", scenes="scenes.csv", model=NAME)
    expected = dict(body="Moon", images="shaded relief", gsd_range_m=(237, 948))
    assert check_settings(config, ["c"], tmp_path / "zoo").origin["model_is_for"] == expected
