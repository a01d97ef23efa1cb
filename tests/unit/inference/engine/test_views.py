"""Views of tiles: a box follows its pixels there and back, and none of them changes what a single view finds."""

import numpy as np
import pytest
import torch

from orbitile.inference.engine.batches import Batch
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.passes import NON_FINITE, ForwardPasses
from orbitile.inference.engine.views import PLAIN_VIEW, SHIFT_ROOM_PX, TileView, ViewFusion
from orbitile.inference.models.network import BoxOutput
from orbitile.inference.models.tile_views import D4_VIEWS
from orbitile.rasters.stretch import FILL

SIDE = 64
BOX = (10, 20, 17, 41)
VIEWS = [PLAIN_VIEW, *(TileView(*view) for view in D4_VIEWS.values()), TileView(shift_px=1), TileView(shift_px=31)]


def painted():
    """A made-up tile (1, 1, side, side) whose pixels in BOX are white."""
    left, top, right, bottom = BOX
    image = torch.full((1, 1, SIDE, SIDE), FILL, dtype=torch.uint8)
    image[..., top:bottom, left:right] = 255
    return image


def box_of(image):
    rows, columns = (image[0, 0] == 255).nonzero().unbind(dim=1)
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()[None]


@pytest.mark.parametrize("view", VIEWS)
def test_a_box_follows_its_pixels_back(view):
    assert view.to_tile(box_of(view.of_images(painted())), SIDE).tolist() == [list(BOX)]


def test_all_symmetries_of_the_square_are_there():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert len({tuple(TileView(*view).of_images(image).flatten().tolist()) for view in D4_VIEWS.values()}) == 7


@pytest.mark.parametrize(("name", "turns"), [("turn_90", 1), ("turn_180", 2), ("turn_270", 3)])
def test_turns_are_counterclockwise(name, turns):
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    assert torch.equal(TileView(*D4_VIEWS[name]).of_images(image), image.rot90(turns, (-2, -1)))


def test_a_shift_loses_no_pixel():
    view = TileView(shift_px=5).of_images(painted())
    assert view.shape[-2:] == (SIDE + SHIFT_ROOM_PX,) * 2
    assert (view == 255).sum() == (painted() == 255).sum() and np.unique(view[..., -27:].numpy()).tolist() == [FILL]


def test_views_of_settings_begin_with_the_tile_itself():
    fusion = ViewFusion.of(dict(views=["flip"], shifts_px=[4], iou_threshold=0.6), 0.05)
    assert fusion == ViewFusion((PLAIN_VIEW, TileView(mirrored_y=True), TileView(shift_px=4)), 0.6, 0.05)
    assert ViewFusion.of(None, 0.05) == ViewFusion()


class WhiteBoxes:
    """Finds what is white, but only in images whose white box is at most `widest` pixels wide."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("crater",), 1, False, None

    def __init__(self, widest=SIDE, fails_where_top=None):
        self.widest, self.fails_where_top, self.passes = widest, fails_where_top, 0

    def predict_batch(self, images):
        self.passes += 1
        found = [(n, box_of(images[n : n + 1])[0]) for n in range(len(images)) if (images[n] == 255).any()]
        found = [(n, box) for n, box in found if box[2] - box[0] <= self.widest]
        corners = torch.stack([box for _, box in found]) if found else torch.zeros(0, 4)
        tile = torch.tensor([n for n, _ in found], dtype=torch.int64)
        non_finite = torch.zeros(len(images), dtype=torch.bool)
        for n, box in found:
            non_finite[n] = box[1] == self.fails_where_top
        return BoxOutput(tile, corners, torch.full((len(tile),), 0.8), torch.zeros_like(tile), non_finite)


def searched(network, fusion, tiles=2):
    images = torch.full((4, 1, SIDE, SIDE), FILL, dtype=torch.uint8)
    images[tiles - 1] = painted()[0]
    before = images.clone()
    prediction = ForwardPasses(network, 4, Meter(), fusion)(Batch(images, list(range(tiles)), [0] * tiles))
    assert torch.equal(images[:tiles], before[:tiles])
    return prediction


def test_boxes_of_all_views_are_fused_in_their_tile():
    fusion = ViewFusion(tuple(VIEWS), 0.5, 0.05)
    network = WhiteBoxes()
    (boxes,) = searched(network, fusion).outputs
    assert boxes.corners.tolist() == [pytest.approx(BOX)] and boxes.tile.tolist() == [1]
    assert boxes.score.tolist() == pytest.approx([0.8]) and network.passes == len(VIEWS)
    assert (boxes.corners.dtype, boxes.score.dtype) == (np.float32, np.float32)


def test_what_some_views_show_counts_less():
    """The box is 7 px wide and 21 px high: a network for narrow ones does not see it turned by a quarter."""
    fusion = ViewFusion((PLAIN_VIEW, TileView(transposed=True)), 0.5, 0.05)
    (boxes,) = searched(WhiteBoxes(widest=10), fusion).outputs
    assert boxes.score.tolist() == pytest.approx([0.4])
    assert len(searched(WhiteBoxes(widest=10), ViewFusion(fusion.views, 0.5, 0.41)).outputs[0]) == 0


def test_a_tile_that_fails_in_a_view_fails():
    fusion = ViewFusion((PLAIN_VIEW, TileView(mirrored_y=True)), 0.5, 0.05)
    prediction = searched(WhiteBoxes(fails_where_top=SIDE - BOX[3]), fusion)
    assert {tile: str(error) for tile, error in prediction.errors.items()} == {1: NON_FINITE}
    assert sum(len(boxes) for boxes in prediction.outputs) == 0


def test_a_single_view_is_not_fused():
    (boxes,) = searched(WhiteBoxes(), ViewFusion()).outputs
    assert boxes.corners.tolist() == [list(BOX)] and boxes.score.tolist() == pytest.approx([0.8])
