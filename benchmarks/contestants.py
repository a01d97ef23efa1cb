"""Programs that find boxes in large rasters with one and the same YOLO network: Orbitile and what else one could use.

Each is prepared once, which loads the network, and then called with rasters. All answer with the same: the boxes of
every tile, and what is left of each raster's boxes after suppression over the whole raster, with the seconds that
each of the two took. Those that have no suppression over a raster answer with the boxes of tiles alone.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import imagery
import machine
import numpy as np
import rasterio
import torch

from orbitile.base.files import sha256
from orbitile.detections.tiling import TileSize
from orbitile.space.grids import Window

# Packages that only the benchmarks need; last, so that the main environment's own come first.
sys.path.append(str(Path(__file__).parent / ".peers"))

TILE = TileSize(640, 120)
BATCH = 8
LEAST_SCORE = 0.25
IN_TILE_IOU = 0.7
"""Of boxes of one tile: ultralytics' default, and Orbitile's."""
OVER_ALL_IOU = 0.4
MOST_OF_A_TILE = 3000
"""Boxes that ultralytics may keep of a tile; of itself it keeps 300."""


@dataclass(frozen=True)
class Found:
    """What a contestant found, and how long it took in seconds.

    `boxes` (n, 6) are the tile's number, counted over all rasters, left, top, right, bottom in pixels of the raster,
    score; `left` are those that suppression over each raster leaves, with the raster's number in the first column.
    None: the contestant has no such thing.
    """

    boxes: np.ndarray | None
    left: np.ndarray | None
    parts: dict[str, float]


@dataclass(frozen=True)
class Places:
    """The tiles of all rasters: their windows, and the numbers of their rasters."""

    windows: list[Window]
    raster: np.ndarray

    @property
    def origin(self) -> np.ndarray:
        """The first column and row (tiles, 2) of each tile."""
        return np.array([(window.col, window.row) for window in self.windows], float)


Contestant = Callable[[Sequence[Path]], Found]


def places_of(rasters: Sequence[Path]) -> Places:
    """All tiles, raster by raster."""
    windows = [imagery.windows(*_size(raster), TILE) for raster in rasters]
    return Places(
        [window for of_raster in windows for window in of_raster],
        np.repeat(np.arange(len(windows)), list(map(len, windows))),
    )


def orbitile(weights: Path) -> Contestant:
    """Orbitile's engine as the stage `infer` runs it, then its suppression on the plane."""
    from orbitile.detections.nms.boxes import PlaneBoxes
    from orbitile.detections.nms.greedy import plane_nms
    from orbitile.inference.engine.engine import Engine
    from orbitile.inference.engine.meter import Meter

    network, workers = network_of(weights), machine.cores()

    def suppress(boxes: np.ndarray) -> np.ndarray:
        return plane_nms(PlaneBoxes(boxes[:, 1:5]), boxes[:, 5], OVER_ALL_IOU).alive

    def run(rasters: Sequence[Path]) -> Found:
        start = time.perf_counter()
        rows = tile_rows(rasters)
        first = np.cumsum([0, *(len(row.windows) for row in rows)])
        found = [_empty(6)]
        for answer in Engine(network, BATCH, workers, Meter(workers)).search(rows):
            if answer.errors or answer.batch.unreadable:
                raise RuntimeError(f"tiles failed: {answer.errors} {answer.batch.unreadable}")
            numbers = first[answer.batch.row_numbers] + answer.batch.positions
            for one in answer.outputs:
                found.append(np.column_stack([numbers[one.tile], one.corners, one.score]))
        places = places_of(rasters)
        return _suppressed(_placed(found, places), places, suppress, start)

    return run


def tile_rows(rasters: Sequence[Path], size: TileSize = TILE) -> list:
    """The tiles of rasters as Orbitile's engine takes them."""
    from orbitile.inference.engine.tile_reader import RasterView, TileRow
    from orbitile.rasters.mosaic import RasterPart

    rows = []
    for raster in rasters:
        (width, height), kind = _size(raster), imagery.KINDS[_dtype(raster)]
        view = RasterView((RasterPart(str(raster), 0, 0, width, height),), kind.stretch, size.tile_px)
        for _, windows_of_row in groupby(imagery.windows(width, height, size), key=lambda window: window.row):
            windows = np.array([(w.col, w.row, w.width, w.height) for w in windows_of_row])
            rows.append(TileRow(view, windows, len(rows)))
    return rows


def network_of(weights: Path, **choice: object) -> object:
    """The network as Orbitile loads it, on the CPU in float32 unless `choice` says otherwise."""
    from orbitile.inference.models.load import load_network
    from orbitile.inference.models.network import ModelChoice

    usual = dict(family="yolo", device="cpu", precision="float32", compile=False, batch=None)
    about = usual | dict(weights=str(weights), sha256=sha256(weights), score_threshold=LEAST_SCORE) | choice
    return load_network(ModelChoice(**about))


def sahi_with(batch: int) -> Callable[[Path], Contestant]:
    """SAHI's sliced prediction with its own network class, given the file's name, without its extra look at the whole.

    It does not give away the boxes of tiles.
    """

    def prepare(weights: Path) -> Contestant:
        from sahi import AutoDetectionModel
        from sahi.predict import get_sliced_prediction

        model = AutoDetectionModel.from_pretrained(
            model_type="ultralytics", model_path=str(checkpoint_of(weights)), confidence_threshold=LEAST_SCORE,
            device="cpu", image_size=TILE.tile_px,
        )  # fmt: skip
        ratio = TILE.overlap_px / TILE.tile_px

        def run(rasters: Sequence[Path]) -> Found:
            parts, left = dict.fromkeys(("tiles", "suppression"), 0.0), [_empty(6)]
            for number, raster in enumerate(rasters):
                result = get_sliced_prediction(
                    str(raster), model, TILE.tile_px, TILE.tile_px, ratio, ratio, perform_standard_pred=False,
                    postprocess_type="NMS", postprocess_match_metric="IOU", postprocess_match_threshold=OVER_ALL_IOU,
                    verbose=0, batch_size=batch,
                )  # fmt: skip
                took = result.durations_in_seconds
                parts["tiles"] += took["slice"] + took["prediction"]
                parts["suppression"] += took["postprocess"]
                boxes = [(number, *one.bbox.to_xyxy(), one.score.value) for one in result.object_prediction_list]
                left.append(np.array(boxes, float).reshape(-1, 6))
            return Found(None, np.concatenate(left), parts)

        return run

    return prepare


def ultralytics_arrays(weights: Path) -> Contestant:
    """Ultralytics' predict on lists of tiles, read as windows with rasterio."""
    model = _yolo(weights)

    def run(rasters: Sequence[Path]) -> Found:
        start, found = time.perf_counter(), [_empty(6)]
        places = places_of(rasters)
        for numbers, images in _batches(rasters, places):
            found += _boxes(numbers, model.predict(images, **_wanted()))
        return _of_tiles(found, places, start)

    return run


def ultralytics_files(weights: Path) -> Contestant:
    """Tiles cut and written as PNG files, then ultralytics' predict on their folder."""
    import cv2

    model = _yolo(weights)

    def run(rasters: Sequence[Path]) -> Found:
        start, found = time.perf_counter(), [_empty(6)]
        places = places_of(rasters)
        with tempfile.TemporaryDirectory(prefix="tiles-") as folder:
            for numbers, images in _batches(rasters, places):
                for number, image in zip(numbers, images, strict=True):
                    cv2.imwrite(str(Path(folder) / f"{number:08d}.png"), image)
            cut = time.perf_counter() - start
            for result in model.predict(folder, stream=True, batch=BATCH, **_wanted()):
                found += _boxes([int(Path(result.path).stem)], [result])
        answer = _of_tiles(found, places, start)
        answer.parts["cutting"] = cut
        return answer

    return run


def ultralytics_joined(weights: Path) -> Contestant:
    """The same, and torchvision's nms over all tiles of a raster."""
    of_tiles = ultralytics_arrays(weights)

    def run(rasters: Sequence[Path]) -> Found:
        found, start = of_tiles(rasters), time.perf_counter()
        joined = _suppressed(found.boxes, places_of(rasters), torchvision_nms, start)
        return Found(found.boxes, joined.left, found.parts | dict(suppression=joined.parts["suppression"]))

    return run


def deepforest(weights: Path) -> Contestant:
    """DeepForest's prediction on windows of an image, with the same network in place of its RetinaNet."""
    from deepforest import main

    config = dict(batch_size=BATCH, accelerator="cpu", num_classes=1, workers=0, log_root=str(weights.parent))
    program = main.deepforest(model=_WindowNetwork(_yolo(weights)), config_args=config)
    program.set_labels({"crater": 0})

    def run(rasters: Sequence[Path]) -> Found:
        start, left = time.perf_counter(), [_empty(6)]
        for number, raster in enumerate(rasters):
            with rasterio.open(raster) as source:
                image = np.repeat(source.read(1)[..., None], 3, axis=2)
            table = program.predict_tile(
                image=image, patch_size=TILE.tile_px, patch_overlap=TILE.overlap_px / TILE.tile_px,
                iou_threshold=OVER_ALL_IOU,
            )  # fmt: skip
            if table is not None:
                boxes = table[["xmin", "ymin", "xmax", "ymax", "score"]].to_numpy(float)
                left.append(np.column_stack([np.full(len(boxes), number, float), boxes]))
        return Found(None, np.concatenate(left), dict(tiles=time.perf_counter() - start))

    return run


class _WindowNetwork(torch.nn.Module):
    """A YOLO of ultralytics that answers as DeepForest's networks do."""

    def __init__(self, yolo: object) -> None:
        super().__init__()
        self.predictor = (yolo,)  # in a tuple, so that it is no part whose mode Lightning changes

    def forward(self, images: torch.Tensor | Sequence[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        """Boxes, scores and labels of each image (3, height, width), whose values are from 0 to 1."""
        results = self.predictor[0].predict(torch.stack(list(images)), **_wanted())
        return [dict(boxes=r.boxes.xyxy, scores=r.boxes.conf, labels=r.boxes.cls.int()) for r in results]


def direct_loop(weights: Path) -> Contestant:
    """What one would write oneself: windows of rasterio, batches of torch, torchvision's nms per tile and over all."""
    from torchvision.ops import nms

    network = _yolo(weights).model.fuse(verbose=False).eval()

    @torch.inference_mode()
    def run(rasters: Sequence[Path]) -> Found:
        start, found = time.perf_counter(), [_empty(6)]
        places = places_of(rasters)
        for numbers, images in _batches(rasters, places):
            batch = torch.from_numpy(np.stack(images))[:, None].expand(-1, 3, -1, -1).float() / 255
            answers = network(batch)
            for number, answer in zip(numbers, (answers[0] if isinstance(answers, tuple) else answers), strict=True):
                centre, size, score = answer[:, answer[4] > LEAST_SCORE].split((2, 2, 1))
                corners = torch.cat([centre - size / 2, centre + size / 2]).T
                kept = nms(corners, score[0], IN_TILE_IOU)
                found.append(_rows(number, corners[kept].numpy(), score[0, kept].numpy()))
        return _suppressed(_placed(found, places), places, torchvision_nms, start)

    return run


def torchvision_nms(boxes: np.ndarray) -> np.ndarray:
    """The survivors among boxes as Found has them, by number; float64, as no float32 holds places in large rasters."""
    from torchvision.ops import nms

    return nms(torch.from_numpy(boxes[:, 1:5]), torch.from_numpy(boxes[:, 5]), OVER_ALL_IOU).numpy()


def pixels_of(rasters: Sequence[Path]) -> Iterator[list[np.ndarray]]:
    """The pixels of all tiles, in batches."""
    return (images for _, images in _batches(rasters, places_of(rasters)))


CONTESTANTS = {
    "Orbitile": orbitile,
    "SAHI": sahi_with(1),
    "SAHI, batches of 8": sahi_with(BATCH),
    "ultralytics, arrays": ultralytics_arrays,
    "ultralytics, PNG files": ultralytics_files,
    "direct loop": direct_loop,
}
JOINED = {"SAHI": sahi_with(BATCH), "ultralytics, nms of torchvision": ultralytics_joined, "DeepForest": deepforest}
"""Those that other people use, with boxes of a complete raster as their result."""


def answer_with(objects: int) -> None:
    """From here on, let ultralytics' networks in this process answer at once with canned answers."""
    from orbitile.inference.models.ultralytics_offline import DetectionModel

    bank = imagery.canned_answers(objects, TILE.tile_px)

    actual = DetectionModel.forward

    def forward(self: torch.nn.Module, images: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        if self.training:  # a network that is being built
            return actual(self, images, *args, **kwargs)
        return bank[imagery.choice_of(images)]

    DetectionModel.forward = forward


def checkpoint_of(weights: Path) -> Path:
    """Weights as a checkpoint that ultralytics loads, beside them; written where there is none."""
    from orbitile.inference.models.ultralytics_offline import DetectionModel
    from orbitile.inference.models.weights import load_tensors

    path = weights.with_suffix(".pt")
    if not path.is_file():
        tensors, about = load_tensors(weights)
        names = {int(number): name for number, name in about["names"].items()}
        model = DetectionModel(about["network"], ch=3, nc=len(names), verbose=False)
        model.load_state_dict(tensors)
        model.names = names
        torch.save(dict(model=model, train_args=dict(task="detect")), path)
    return path


def _yolo(weights: Path) -> object:
    checkpoint = checkpoint_of(weights)
    from ultralytics import YOLO

    return YOLO(str(checkpoint))


def _wanted() -> dict:
    return dict(conf=LEAST_SCORE, iou=IN_TILE_IOU, max_det=MOST_OF_A_TILE, imgsz=TILE.tile_px, verbose=False,
                device="cpu", save=False)  # fmt: skip


def _batches(rasters: Sequence[Path], places: Places) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Batches of tiles' numbers and pixels, read one by one in this thread."""
    for raster, path in enumerate(rasters):
        numbers = np.flatnonzero(places.raster == raster).tolist()
        with rasterio.open(path) as source:
            for start in range(0, len(numbers), BATCH):
                batch = numbers[start : start + BATCH]
                yield batch, [source.read(1, window=_rasterio(places.windows[number])) for number in batch]


def _rasterio(window: Window) -> rasterio.windows.Window:
    return rasterio.windows.Window(window.col, window.row, window.width, window.height)


def _boxes(numbers: Sequence[int], results: Sequence[object]) -> list[np.ndarray]:
    """Rows of ultralytics' results, in pixels of the tiles."""
    results_boxes = [(number, result.boxes.data.numpy()) for number, result in zip(numbers, results, strict=True)]
    return [_rows(number, rows[:, :4], rows[:, 4]) for number, rows in results_boxes]


def _rows(number: int, corners: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.column_stack([np.full(len(score), number, float), corners, score])


def _placed(boxes_of_tiles: list[np.ndarray], places: Places) -> np.ndarray:
    """Boxes in pixels of their rasters instead of their tiles, and cut off where these end, as ultralytics does it."""
    boxes = np.concatenate(boxes_of_tiles)
    boxes[:, 1:5] = boxes[:, 1:5].clip(0, TILE.tile_px) + np.tile(places.origin[boxes[:, 0].astype(int)], 2)
    return boxes


def _of_tiles(boxes_of_tiles: list[np.ndarray], places: Places, start: float) -> Found:
    boxes = _placed(boxes_of_tiles, places)
    return Found(boxes, None, dict(tiles=time.perf_counter() - start))


def _suppressed(boxes: np.ndarray, places: Places, suppress: Callable[[np.ndarray], np.ndarray], start: float) -> Found:
    """Boxes, and what suppression leaves of each raster's."""
    parts = dict(tiles=time.perf_counter() - start)
    start, left = time.perf_counter(), [_empty(6)]
    raster = places.raster[boxes[:, 0].astype(int)]
    for number in np.unique(raster):
        of_raster = boxes[raster == number]
        survivors = of_raster[suppress(of_raster)]
        left.append(np.column_stack([np.full(len(survivors), number, float), survivors[:, 1:]]))
    return Found(boxes, np.concatenate(left), parts | dict(suppression=time.perf_counter() - start))


def _empty(columns: int) -> np.ndarray:
    return np.empty((0, columns))


def _size(raster: Path) -> tuple[int, int]:
    with rasterio.open(raster) as source:
        return source.width, source.height


def _dtype(raster: Path) -> str:
    with rasterio.open(raster) as source:
        return source.dtypes[0]
