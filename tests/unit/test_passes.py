"""Batches through made-up networks: what is found, which tiles fail, how memory that does not suffice is met."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_suppression import iou_table, is_close_call, order_of, survivors_by_definition
from torchvision.ops import batched_nms

from orbitile.engine.answers import FoundBoxes, FoundMasks
from orbitile.engine.batches import Batch
from orbitile.engine.meter import Meter
from orbitile.engine.passes import NetworkError, Passes
from orbitile.engine.sizing import CPU_TILES, MOST_TILES, fitting_size
from orbitile.models.adapter import Boxes, Masks
from orbitile.overlap.boxes import PlaneBoxes

SIDE = 8
BAD, NAN = 250, 251
"""Brightness of tiles on which the made-up network fails, and to which it answers with what is no number."""


class Brightness:
    """Finds one box in every tile: at its brightest pixel, with the mean as score. Keeps the sizes of its passes."""

    device, names, channels, reflects, most = torch.device("cpu"), ("crater",), 1, False, None

    def __init__(self, fits=10**6, waits=0.0):
        self.sizes, self.fits, self.waits = [], fits, waits

    def predict_batch(self, images):
        self.sizes.append(len(images))
        time.sleep(self.waits)
        if len(images) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Made up.")
        flat = images.reshape(len(images), -1)
        brightest = flat.max(dim=1)
        if (brightest.values == BAD).any():
            raise RuntimeError("made up\nin two lines")
        corner = torch.stack([brightest.indices % SIDE, brightest.indices // SIDE], dim=1).float()
        score = flat.float().mean(dim=1) / 255
        label = torch.zeros(len(images), dtype=torch.int64)
        return Boxes(torch.arange(len(images)), torch.cat([corner, corner + 3], 1), score, label,
                     brightest.values == NAN)  # fmt: skip


class Fails(Brightness):
    """Fails on everything."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def predict_batch(self, images):
        self.sizes.append(len(images))
        raise self.error


def batch(tiles, size=8, seed=0, stale=77):
    """A batch of made-up tiles in memory that was used before; `tiles` is a number or a list of brightnesses."""
    tiles = [None] * tiles if isinstance(tiles, int) else tiles
    images = torch.full((size, 1, SIDE, SIDE), stale, dtype=torch.uint8)
    rng = np.random.default_rng(seed)
    for number, brightness in enumerate(tiles):
        made_up = rng.integers(1, 200, (SIDE, SIDE)).astype(np.uint8)
        images[number, 0] = torch.from_numpy(made_up)
        if brightness is not None:
            images[number, 0, 0, 0] = brightness
    return Batch(images, list(range(len(tiles))), [0] * len(tiles))


def by_tile(answer):
    """What was found in each tile, by number."""
    return {
        int(tile): (corners.tolist(), float(score))
        for found in answer.found
        for tile, corners, score in zip(found.tile, found.corners, found.score, strict=True)
    }


def expected(of):
    """The answers to a batch, one tile at a time."""
    given = Brightness().predict_batch(of.images[: len(of)])
    return {tile: (given.corners[tile].tolist(), float(given.score[tile])) for tile in range(len(of))}


@pytest.mark.parametrize("tiles", range(1, 9))
def test_batches_are_filled_up(tiles):
    """Also the last one: what the last digits hang on is the same for all tiles."""
    network, meter = Brightness(), Meter()
    given = batch(tiles)
    answer = Passes(network, 8, meter)(given)
    assert by_tile(answer) == expected(given)
    assert network.sizes == [8]
    assert (meter.tiles, meter.found, answer.failed) == (tiles, tiles, {})
    assert (given.images[tiles:] == 0).all()


def test_batches_larger_than_a_pass_are_cut():
    network = Brightness()
    given = batch(8)
    assert by_tile(Passes(network, 3, Meter())(given)) == expected(given)
    assert network.sizes == [3, 3, 3]


def test_batches_without_tiles():
    """All of whose tiles could not be read."""
    network = Brightness()
    answer = Passes(network, 8, Meter())(batch(0))
    assert (answer.found, answer.failed, network.sizes) == ([], {}, [])


@pytest.mark.parametrize("bad", [[0], [3], [7], [2, 6], [0, 1, 2, 3], [1, 3, 5, 7], [0, 1, 2, 3, 4, 5, 6]])
def test_the_tiles_to_blame_stand_alone_in_the_end(bad):
    given = batch([BAD if tile in bad else None for tile in range(8)])
    network, meter = Brightness(), Meter()
    answer = Passes(network, 8, meter)(given)
    assert sorted(answer.failed) == bad
    assert all(isinstance(error, RuntimeError) for error in answer.failed.values())
    good = {number: one for number, one in expected(batch(8)).items() if number not in bad}
    assert by_tile(answer) == good
    assert meter.found == len(good)
    assert set(network.sizes) == {8}


def test_one_bad_tile_costs_few_passes():
    """Of 128 tiles: 7 halvings, both halves each, and a look at whether the network fails on everything."""
    network = Brightness()
    Passes(network, 128, Meter())(batch([None] * 77 + [BAD] + [None] * 50, 128))
    assert len(network.sizes) == 1 + 2 * 7 + 1


@pytest.mark.parametrize("bad", [[0], [5], [1, 2, 7]])
def test_answers_that_are_no_numbers(bad):
    given = batch([NAN if tile in bad else None for tile in range(8)])
    network = Brightness()
    answer = Passes(network, 8, Meter())(given)
    assert sorted(answer.failed) == bad
    assert {str(error) for error in answer.failed.values()} == {"the network's answer is not a number"}
    assert by_tile(answer) == {number: one for number, one in expected(batch(8)).items() if number not in bad}
    assert network.sizes == [8]


def test_what_was_found_before_a_failure_counts_once():
    """The network fails on a batch's second half: the first half's boxes are in the answer once."""
    given, meter = batch([None] * 4 + [BAD, None, None, BAD]), Meter()
    answer = Passes(Brightness(), 4, meter)(given)
    assert sum(map(len, answer.found)) == len(by_tile(answer)) == meter.found == 6


def test_failures_keep_no_memory():
    """An error's traceback names every frame; what these held would fill a GPU."""
    held = []

    class Large(Brightness):
        def predict_batch(self, images):
            large = torch.zeros(1000)
            held.append(weakref.ref(large))
            return super().predict_batch(images)

    answer = Passes(Large(), 4, Meter())(batch([BAD, None, None, None], 4))
    gc.collect()
    assert list(answer.failed) == [0]
    assert answer.failed[0].__traceback__ is not None
    assert not any(one() is not None for one in held)


@pytest.mark.parametrize(("fits", "size"), [(7, 4), (5, 4), (4, 4), (3, 2), (1, 1)])
def test_too_little_memory_lowers_the_size_for_good(fits, size, caplog):
    network = Brightness(fits)
    passes = Passes(network, 8, Meter())
    for number in range(3):
        given = batch(8, seed=number)
        answer = passes(given)
        assert (by_tile(answer), answer.failed) == (expected(given), {})
    assert passes.size == size
    tried = [one for one in (8, 4, 2, 1) if one >= size]
    assert network.sizes == tried[:-1] + [size] * (3 * 8 // size)
    assert f"from here on {size} tiles in a pass" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        MemoryError(),
    ],
)
def test_what_too_little_memory_looks_like(error):
    class Once(Brightness):
        def predict_batch(self, images):
            if len(images) > 4:
                raise error
            return super().predict_batch(images)

    passes = Passes(Once(), 8, Meter())
    given = batch(8)
    assert by_tile(passes(given)) == expected(given)
    assert passes.size == 4


def test_two_threads_lower_the_size_once():
    """Both are in passes of 8 when memory does not suffice."""
    both = threading.Barrier(2)

    class Together(Brightness):
        def predict_batch(self, images):
            if len(images) == 8:
                both.wait(10)
            return super().predict_batch(images)

    passes = Passes(Together(fits=4), 8, Meter())
    given = [batch(8, seed=0), batch(8, seed=1)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(passes, given))
    assert passes.size == 4
    assert [by_tile(answer) for answer in answers] == [expected(one) for one in given]


def test_several_threads_with_little_memory():
    """Whatever pass the size is lowered in, and whoever does it: everything is found once."""
    for fits in (1, 3, 6):
        passes = Passes(Brightness(fits, waits=0.001), 16, Meter())
        given = [batch(16, 16, seed) for seed in range(12)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(passes, given))
        assert [by_tile(answer) for answer in answers] == [expected(one) for one in given]
        assert all(not answer.failed and sum(map(len, answer.found)) == 16 for answer in answers)
        assert passes.size == 2 ** (fits.bit_length() - 1)


def test_too_little_memory_for_a_single_tile():
    passes = Passes(Brightness(fits=0), 8, Meter())
    message = r"memory does not suffice for a single tile of 8 px \(OutOfMemoryError: CUDA out of memory"
    with pytest.raises(NetworkError, match=message):
        passes(batch(8))


def test_a_network_that_fails_on_everything_is_found_out_soon():
    """After as many passes as it takes to have one of 128 tiles alone, and one more."""
    network = Fails(RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be ..."))
    message = (
        r"^the network fails on every tile, even an empty one \(RuntimeError: CUDA error: device-side assert "
        r"triggered\); are its weights damaged\?$"
    )
    with pytest.raises(NetworkError, match=message):
        Passes(network, 128, Meter())(batch(128, 128))
    assert len(network.sizes) == 1 + 7 + 1


def test_a_network_whose_every_answer_is_no_number():
    class NoNumbers(Brightness):
        def predict_batch(self, images):
            return super().predict_batch(images)._replace(broken=torch.ones(len(images), dtype=torch.bool))

    network = NoNumbers()
    with pytest.raises(NetworkError, match=r"even an empty one \(the network's answer is not a number\); are its"):
        Passes(network, 8, Meter())(batch(3))
    assert network.sizes == [8, 8]


def test_a_batch_of_bad_tiles_alone_is_no_broken_network():
    answer = Passes(Brightness(), 4, Meter())(batch([BAD, BAD, NAN], 4))
    assert sorted(answer.failed) == [0, 1, 2]
    assert by_tile(answer) == {}


@pytest.mark.parametrize("size", [4, 8])
def test_what_memory_held_before_is_not_seen(size):
    """The rest of a batch's memory holds an earlier batch's tiles, here a bad one and one that is no number."""

    class Watches(Brightness):
        def predict_batch(self, images):
            seen.append(images.clone())
            return super().predict_batch(images)

    for stale in (BAD, NAN):
        seen = []
        given = batch(5, stale=stale)
        answer = Passes(Watches(), size, Meter())(given)
        assert (by_tile(answer), answer.failed) == (expected(batch(5)), {})
        assert all(images.max() < 200 for images in seen)


class Shades:
    """Answers with masks: two classes, whose probabilities are a tile's values and their opposites."""

    device, names, channels, reflects, most = torch.device("cpu"), ("dark", "bright"), 1, True, None

    def predict_batch(self, images):
        broken = (images == NAN).flatten(1).any(dim=1)
        return Masks(torch.cat([255 - images, images], dim=1), broken)


@pytest.mark.parametrize("size", [2, 8])
def test_masks(size):
    given = batch([None, None, NAN, None, None])
    answer = Passes(Shades(), size, Meter())(given)
    assert list(answer.failed) == [2]
    assert all(isinstance(found, FoundMasks) for found in answer.found)
    numbers = np.concatenate([found.tile for found in answer.found])
    assert numbers.tolist() == [0, 1, 3, 4]
    probability = np.concatenate([found.probability for found in answer.found])
    assert np.array_equal(probability[:, 1], given.images[numbers, 0].numpy())
    assert np.array_equal(probability[:, 0], 255 - given.images[numbers, 0].numpy())


def test_tiles_as_full_as_can_be_are_counted():
    """Before suppression, which leaves one of each tile's three boxes."""

    class Three(Brightness):
        most = 3

        def predict_batch(self, images):
            given = super().predict_batch(images)
            return Boxes(*(torch.cat([one] * 3) for one in given[:4]), given.broken)

    meter = Meter()
    answer = Passes(Three(), 8, meter)(batch([None, NAN, None]))
    assert sum(map(len, answer.found)) == 2
    assert meter.capped == 2


class Gpu:
    """A GPU's memory, made up: every pass takes some bytes, and some more for each tile."""

    def __init__(self, monkeypatch, free, fixed, for_each):
        self.peak, self.passes, self.free, self.fixed, self.for_each = 0, [], free, fixed, for_each
        self.network = SimpleNamespace(device=SimpleNamespace(type="cuda"), channels=1, predict_batch=self.predict)
        zeros = torch.zeros
        monkeypatch.setattr(torch, "zeros", lambda *shape, device=None, **other: zeros(*shape, **other))
        for name, function in dict(
            synchronize=lambda device: None, mem_get_info=lambda device: (free, 80e9),
            reset_peak_memory_stats=self.reset, memory_allocated=lambda device: 1000,
            max_memory_allocated=lambda device: self.peak, empty_cache=lambda: None,
        ).items():  # fmt: skip
            monkeypatch.setattr(torch.cuda, name, function)

    def reset(self, device):
        self.peak = 1000

    def predict(self, images):
        self.passes.append(tuple(images.shape))
        needed = self.fixed + self.for_each * len(images)
        if needed > self.free:
            raise torch.OutOfMemoryError("CUDA out of memory. Made up.")
        self.peak = max(self.peak, 1000 + needed)


@pytest.mark.parametrize(
    ("free", "for_each", "workers", "expected"),
    [
        (8e9, 1e8, 1, 32),  # 60 % of the memory hold 48
        (8e9, 1e8, 2, 16),
        (8e9, 1e8, 4, 8),
        (80e9, 1e6, 2, MOST_TILES),
        (80e9, 0, 2, MOST_TILES),
        (2e9, 2e8, 2, 2),
        (2e9, 2.4e8, 10, 1),
    ],
)
def test_passes_fit_a_gpu(monkeypatch, free, for_each, workers, expected):
    gpu = Gpu(monkeypatch, free, 5e7, for_each)
    assert fitting_size(gpu.network, 640, workers) == expected
    assert set(gpu.passes) == {(1, 1, 640, 640), (8, 1, 640, 640)}


@pytest.mark.parametrize("for_each", [5e8, 5e9])
def test_a_gpu_too_small_for_the_trial(monkeypatch, for_each):
    """Passes begin with half of what did not fit, and lower it themselves."""
    assert fitting_size(Gpu(monkeypatch, 2e9, 0, for_each).network, 640, 2) == 4


def test_the_cpu_s_passes_are_of_one_size_everywhere():
    assert fitting_size(Brightness(), 640, 3) == CPU_TILES


def made_up_boxes(seed, tiles, classes, ties):
    """Crowds of boxes in tiles of 512 px, some wider than their tile, some without any width."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 250))
    size = np.exp(rng.uniform(np.log(3), np.log(600), (count, 2)))
    middle = rng.uniform(0, 512, (count, 2))
    again = rng.integers(0, max(count, 1), count)
    near = rng.random(count) < 0.6
    middle[near] = (middle[again] + rng.normal(0, 0.05, (count, 2)) * size[again])[near]
    size[near] = (size[again] * np.exp(rng.normal(0, 0.1, (count, 2))))[near]
    size[rng.random(count) < 0.03] = 0
    corners = np.concatenate([middle - size / 2, middle + size / 2], axis=1).astype(np.float32)
    score = rng.random(count).astype(np.float32)
    score = np.round(score, 1) if ties else score
    return FoundBoxes(np.sort(rng.integers(0, tiles, count)), corners, score, rng.integers(0, classes, count))


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_suppression_inside_tiles_and_classes_is_the_plain_one(seed, tiles, classes, ties):
    """The plain one: each tile and class on its own, every box with every other."""
    boxes = made_up_boxes(seed, tiles, classes, ties)
    kept = np.zeros(len(boxes), bool)
    for tile in range(tiles):
        for label in range(classes):
            own = np.flatnonzero((boxes.tile == tile) & (boxes.label == label))
            plane = PlaneBoxes(boxes.corners[own].astype(float))
            values = iou_table(plane, plane)
            if is_close_call(values, 0.7, 1e-6):
                return
            kept[own] = survivors_by_definition(values, order_of(plane, boxes.score[own]), 0.7)
    found, wanted = boxes.thinned(), boxes.at(kept)
    assert len(found) == len(wanted)
    for one, other in zip(vars(found).values(), vars(wanted).values(), strict=True):
        assert np.array_equal(one, other)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3))
def test_suppression_inside_tiles_and_classes_is_torchvision_s(seed, tiles, classes):
    boxes = made_up_boxes(seed, tiles, classes, ties=False)
    plane = PlaneBoxes(boxes.corners.astype(float))
    if len(np.unique(boxes.score)) < len(boxes) or is_close_call(iou_table(plane, plane), 0.7, 1e-4):
        return
    groups = torch.from_numpy(boxes.tile * classes + boxes.label)
    kept = batched_nms(torch.from_numpy(boxes.corners), torch.from_numpy(boxes.score), groups, 0.7).sort().values
    assert np.array_equal(boxes.thinned().corners, boxes.corners[kept.numpy()])


def test_boxes_turned_inside_out_suppress_nothing():
    """Heads that say how far each side is from a place may put the right one to the left of the left one."""
    corners = np.float32([[10, 10, 5, 5], [10, 10, 5, 5], [0, 0, 20, 20], [0, 0, 20, 20.5], [30, 5, 20, 9]])
    boxes = FoundBoxes(np.zeros(5, int), corners, np.float32([0.9, 0.8, 0.7, 0.6, 0.5]), np.zeros(5, int))
    kept = boxes.thinned().corners.tolist()
    assert corners[2].tolist() in kept
    assert corners[3].tolist() not in kept
