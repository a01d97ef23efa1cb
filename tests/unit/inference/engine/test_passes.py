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

from orbitile.detections.nms.boxes import PlaneBoxes
from orbitile.inference.engine.batch_size import CPU_TILES, MAX_TILES, fitting_batch_size
from orbitile.inference.engine.batches import Batch
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.passes import ForwardPasses, NetworkError
from orbitile.inference.engine.predictions import PredictedBoxes, PredictedMasks
from orbitile.inference.models.network import BoxOutput, MaskOutput

SIDE = 8
BAD, NAN = 250, 251
"""Brightness of tiles on which the made-up network fails, and to which it answers with what is no number."""


class Brightness:
    """Finds one box in every tile: at its brightest pixel, with the mean as score. Keeps the sizes of its passes."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("crater",), 1, False, None

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
        return BoxOutput(torch.arange(len(images)), torch.cat([corner, corner + 3], 1), score, label,
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


def by_tile(prediction):
    """What was found in each tile, by number."""
    return {
        int(tile): (corners.tolist(), float(score))
        for boxes in prediction.outputs
        for tile, corners, score in zip(boxes.tile, boxes.corners, boxes.score, strict=True)
    }


def expected(of):
    """The answers to a batch, one tile at a time."""
    output = Brightness().predict_batch(of.images[: len(of)])
    return {tile: (output.corners[tile].tolist(), float(output.score[tile])) for tile in range(len(of))}


@pytest.mark.parametrize("tiles", range(1, 9))
def test_batches_are_filled_up(tiles):
    """Also the last one: what the last digits hang on is the same for all tiles."""
    network, meter = Brightness(), Meter()
    new_batch = batch(tiles)
    prediction = ForwardPasses(network, 8, meter)(new_batch)
    assert by_tile(prediction) == expected(new_batch)
    assert network.sizes == [8]
    assert (meter.tiles, meter.detections, prediction.errors) == (tiles, tiles, {})
    assert (new_batch.images[tiles:] == 0).all()


def test_batches_larger_than_a_pass_are_cut():
    network = Brightness()
    new_batch = batch(8)
    assert by_tile(ForwardPasses(network, 3, Meter())(new_batch)) == expected(new_batch)
    assert network.sizes == [3, 3, 3]


def test_batches_without_tiles():
    """All of whose tiles could not be read."""
    network = Brightness()
    prediction = ForwardPasses(network, 8, Meter())(batch(0))
    assert (prediction.outputs, prediction.errors, network.sizes) == ([], {}, [])


@pytest.mark.parametrize("bad", [[0], [3], [7], [2, 6], [0, 1, 2, 3], [1, 3, 5, 7], [0, 1, 2, 3, 4, 5, 6]])
def test_the_tiles_to_blame_stand_alone_in_the_end(bad):
    new_batch = batch([BAD if tile in bad else None for tile in range(8)])
    network, meter = Brightness(), Meter()
    prediction = ForwardPasses(network, 8, meter)(new_batch)
    assert sorted(prediction.errors) == bad
    assert all(isinstance(error, RuntimeError) for error in prediction.errors.values())
    good = {number: box for number, box in expected(batch(8)).items() if number not in bad}
    assert by_tile(prediction) == good
    assert meter.detections == len(good)
    assert set(network.sizes) == {8}


def test_one_bad_tile_costs_few_passes():
    """Of 128 tiles: 7 halvings, both halves each, and a look at whether the network fails on everything."""
    network = Brightness()
    ForwardPasses(network, 128, Meter())(batch([None] * 77 + [BAD] + [None] * 50, 128))
    assert len(network.sizes) == 1 + 2 * 7 + 1


@pytest.mark.parametrize("bad", [[0], [5], [1, 2, 7]])
def test_answers_that_are_no_numbers(bad):
    new_batch = batch([NAN if tile in bad else None for tile in range(8)])
    network = Brightness()
    prediction = ForwardPasses(network, 8, Meter())(new_batch)
    assert sorted(prediction.errors) == bad
    assert {str(error) for error in prediction.errors.values()} == {"the network's output is not finite"}
    assert by_tile(prediction) == {number: box for number, box in expected(batch(8)).items() if number not in bad}
    assert network.sizes == [8]


def test_what_was_found_before_a_failure_counts_once():
    """The network fails on a batch's second half: the first half's boxes are in the answer once."""
    new_batch, meter = batch([None] * 4 + [BAD, None, None, BAD]), Meter()
    prediction = ForwardPasses(Brightness(), 4, meter)(new_batch)
    assert sum(map(len, prediction.outputs)) == len(by_tile(prediction)) == meter.detections == 6


def test_failures_keep_no_memory():
    """An error's traceback names every frame; what these held would fill a GPU."""
    references = []

    class Large(Brightness):
        def predict_batch(self, images):
            large = torch.zeros(1000)
            references.append(weakref.ref(large))
            return super().predict_batch(images)

    prediction = ForwardPasses(Large(), 4, Meter())(batch([BAD, None, None, None], 4))
    gc.collect()
    assert list(prediction.errors) == [0]
    assert prediction.errors[0].__traceback__ is not None
    assert not any(reference() is not None for reference in references)


@pytest.mark.parametrize(("fits", "size"), [(7, 4), (5, 4), (4, 4), (3, 2), (1, 1)])
def test_too_little_memory_lowers_the_size_for_good(fits, size, caplog):
    network = Brightness(fits)
    passes = ForwardPasses(network, 8, Meter())
    for number in range(3):
        new_batch = batch(8, seed=number)
        prediction = passes(new_batch)
        assert (by_tile(prediction), prediction.errors) == (expected(new_batch), {})
    assert passes.size == size
    tried = [tried_size for tried_size in (8, 4, 2, 1) if tried_size >= size]
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

    passes = ForwardPasses(Once(), 8, Meter())
    new_batch = batch(8)
    assert by_tile(passes(new_batch)) == expected(new_batch)
    assert passes.size == 4


def test_two_threads_lower_the_size_once():
    """Both are in passes of 8 when memory does not suffice."""
    barrier = threading.Barrier(2)

    class Together(Brightness):
        def predict_batch(self, images):
            if len(images) == 8:
                barrier.wait(10)
            return super().predict_batch(images)

    passes = ForwardPasses(Together(fits=4), 8, Meter())
    batches = [batch(8, seed=0), batch(8, seed=1)]
    with ThreadPoolExecutor(2) as pool:
        predictions = list(pool.map(passes, batches))
    assert passes.size == 4
    assert [by_tile(prediction) for prediction in predictions] == [expected(of_batch) for of_batch in batches]


def test_several_threads_with_little_memory():
    """Whatever pass the size is lowered in, and whoever does it: everything is found once."""
    for fits in (1, 3, 6):
        passes = ForwardPasses(Brightness(fits, waits=0.001), 16, Meter())
        batches = [batch(16, 16, seed) for seed in range(12)]
        with ThreadPoolExecutor(4) as pool:
            predictions = list(pool.map(passes, batches))
        assert [by_tile(prediction) for prediction in predictions] == [expected(of_batch) for of_batch in batches]
        assert all(not prediction.errors and sum(map(len, prediction.outputs)) == 16 for prediction in predictions)
        assert passes.size == 2 ** (fits.bit_length() - 1)


def test_too_little_memory_for_a_single_tile():
    passes = ForwardPasses(Brightness(fits=0), 8, Meter())
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
        ForwardPasses(network, 128, Meter())(batch(128, 128))
    assert len(network.sizes) == 1 + 7 + 1


def test_a_network_whose_every_answer_is_no_number():
    class NoNumbers(Brightness):
        def predict_batch(self, images):
            return super().predict_batch(images)._replace(non_finite=torch.ones(len(images), dtype=torch.bool))

    network = NoNumbers()
    with pytest.raises(NetworkError, match=r"even an empty one \(the network's output is not finite\); are its"):
        ForwardPasses(network, 8, Meter())(batch(3))
    assert network.sizes == [8, 8]


def test_a_batch_of_bad_tiles_alone_is_no_broken_network():
    prediction = ForwardPasses(Brightness(), 4, Meter())(batch([BAD, BAD, NAN], 4))
    assert sorted(prediction.errors) == [0, 1, 2]
    assert by_tile(prediction) == {}


@pytest.mark.parametrize("size", [4, 8])
def test_what_memory_held_before_is_not_seen(size):
    """The rest of a batch's memory holds an earlier batch's tiles, here a bad one and one that is no number."""

    class Watches(Brightness):
        def predict_batch(self, images):
            passed_images.append(images.clone())
            return super().predict_batch(images)

    for stale in (BAD, NAN):
        passed_images = []
        new_batch = batch(5, stale=stale)
        prediction = ForwardPasses(Watches(), size, Meter())(new_batch)
        assert (by_tile(prediction), prediction.errors) == (expected(batch(5)), {})
        assert all(images.max() < 200 for images in passed_images)


class Shades:
    """Answers with masks: two classes, whose probabilities are a tile's values and their opposites."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("dark", "bright"), 1, True, None

    def predict_batch(self, images):
        broken = (images == NAN).flatten(1).any(dim=1)
        return MaskOutput(torch.cat([255 - images, images], dim=1), broken)


@pytest.mark.parametrize("size", [2, 8])
def test_masks(size):
    new_batch = batch([None, None, NAN, None, None])
    prediction = ForwardPasses(Shades(), size, Meter())(new_batch)
    assert list(prediction.errors) == [2]
    assert all(isinstance(masks, PredictedMasks) for masks in prediction.outputs)
    numbers = np.concatenate([masks.tile for masks in prediction.outputs])
    assert numbers.tolist() == [0, 1, 3, 4]
    probability = np.concatenate([masks.probability for masks in prediction.outputs])
    assert np.array_equal(probability[:, 1], new_batch.images[numbers, 0].numpy())
    assert np.array_equal(probability[:, 0], 255 - new_batch.images[numbers, 0].numpy())


def test_tiles_as_full_as_can_be_are_counted():
    """Before suppression, which leaves one of each tile's three boxes."""

    class Three(Brightness):
        max_objects = 3

        def predict_batch(self, images):
            output = super().predict_batch(images)
            return BoxOutput(*(torch.cat([tensor] * 3) for tensor in output[:4]), output.non_finite)

    meter = Meter()
    prediction = ForwardPasses(Three(), 8, meter)(batch([None, NAN, None]))
    assert sum(map(len, prediction.outputs)) == 2
    assert meter.capped == 2


class Gpu:
    """A GPU's memory, made up: every pass takes some bytes, and some more for each tile."""

    def __init__(self, monkeypatch, free, fixed, for_each):
        self.peak, self.passes, self.free, self.fixed, self.for_each = 0, [], free, fixed, for_each
        self.network = SimpleNamespace(device=SimpleNamespace(type="cuda"), channels=1, predict_batch=self.predict)
        zeros = torch.zeros
        monkeypatch.setattr(torch, "zeros", lambda *shape, device=None, **options: zeros(*shape, **options))
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
        (80e9, 1e6, 2, MAX_TILES),
        (80e9, 0, 2, MAX_TILES),
        (2e9, 2e8, 2, 2),
        (2e9, 2.4e8, 10, 1),
    ],
)
def test_passes_fit_a_gpu(monkeypatch, free, for_each, workers, expected):
    gpu = Gpu(monkeypatch, free, 5e7, for_each)
    assert fitting_batch_size(gpu.network, 640, workers) == expected
    assert set(gpu.passes) == {(1, 1, 640, 640), (8, 1, 640, 640)}


@pytest.mark.parametrize("for_each", [5e8, 5e9])
def test_a_gpu_too_small_for_the_trial(monkeypatch, for_each):
    """Passes begin with half of what did not fit, and lower it themselves."""
    assert fitting_batch_size(Gpu(monkeypatch, 2e9, 0, for_each).network, 640, 2) == 4


def test_the_cpu_s_passes_are_of_one_size_everywhere():
    assert fitting_batch_size(Brightness(), 640, 3) == CPU_TILES


def made_up_boxes(seed, tiles, classes, ties):
    """Crowds of boxes in tiles of 512 px, some wider than their tile, some without any width."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 250))
    size = np.exp(rng.uniform(np.log(3), np.log(600), (count, 2)))
    middle = rng.uniform(0, 512, (count, 2))
    original = rng.integers(0, max(count, 1), count)
    near = rng.random(count) < 0.6
    middle[near] = (middle[original] + rng.normal(0, 0.05, (count, 2)) * size[original])[near]
    size[near] = (size[original] * np.exp(rng.normal(0, 0.1, (count, 2))))[near]
    size[rng.random(count) < 0.03] = 0
    corners = np.concatenate([middle - size / 2, middle + size / 2], axis=1).astype(np.float32)
    score = rng.random(count).astype(np.float32)
    score = np.round(score, 1) if ties else score
    return PredictedBoxes(np.sort(rng.integers(0, tiles, count)), corners, score, rng.integers(0, classes, count))


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_suppression_inside_tiles_and_classes_is_the_plain_one(seed, tiles, classes, ties):
    """The plain one: each tile and class on its own, every box with every other."""
    boxes = made_up_boxes(seed, tiles, classes, ties)
    is_kept = np.zeros(len(boxes), bool)
    for tile in range(tiles):
        for label in range(classes):
            members = np.flatnonzero((boxes.tile == tile) & (boxes.label == label))
            plane = PlaneBoxes(boxes.corners[members].astype(float))
            values = iou_table(plane, plane)
            if is_close_call(values, 0.7, 1e-6):
                return
            is_kept[members] = survivors_by_definition(values, order_of(plane, boxes.score[members]), 0.7)
    survivors, expected_boxes = boxes.suppressed(), boxes.select(is_kept)
    assert len(survivors) == len(expected_boxes)
    for column, expected_column in zip(vars(survivors).values(), vars(expected_boxes).values(), strict=True):
        assert np.array_equal(column, expected_column)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3))
def test_suppression_inside_tiles_and_classes_is_torchvision_s(seed, tiles, classes):
    boxes = made_up_boxes(seed, tiles, classes, ties=False)
    plane = PlaneBoxes(boxes.corners.astype(float))
    if len(np.unique(boxes.score)) < len(boxes) or is_close_call(iou_table(plane, plane), 0.7, 1e-4):
        return
    groups = torch.from_numpy(boxes.tile * classes + boxes.label)
    survivors = batched_nms(torch.from_numpy(boxes.corners), torch.from_numpy(boxes.score), groups, 0.7).sort().values
    assert np.array_equal(boxes.suppressed().corners, boxes.corners[survivors.numpy()])


def test_boxes_turned_inside_out_suppress_nothing():
    """Heads that say how far each side is from a place may put the right one to the left of the left one."""
    corners = np.float32([[10, 10, 5, 5], [10, 10, 5, 5], [0, 0, 20, 20], [0, 0, 20, 20.5], [30, 5, 20, 9]])
    boxes = PredictedBoxes(np.zeros(5, int), corners, np.float32([0.9, 0.8, 0.7, 0.6, 0.5]), np.zeros(5, int))
    survivors = boxes.suppressed().corners.tolist()
    assert corners[2].tolist() in survivors
    assert corners[3].tolist() not in survivors
