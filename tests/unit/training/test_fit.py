from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from orbitile.base.errors import OrbitileError
from orbitile.training import fit, progress
from orbitile.training.fit import AtomicCheckpoints, FitOptions, best_tensors
from orbitile.training.monitored import MonitoredModule

OPTIONS = FitOptions(section="training", epochs=2, patience=2, seed=0, device="cpu")
F1 = (0.5, 0.4, 0.3, 0.9, 0.8, 0.95, 0.6, 0.5)
"""Of the epochs of a made-up training: those after a pause are the best."""
STEPS = 4
"""Of an epoch, each of which takes an hour."""


@pytest.mark.parametrize(
    ("device", "has_cuda", "expected"), [("cpu", True, False), ("auto", True, True), ("auto", False, False),
                                         ("cuda:1", True, True), ("cpu", False, False)]
)  # fmt: skip
def test_where_it_trains(monkeypatch: pytest.MonkeyPatch, device: str, has_cuda: bool, expected: bool):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert replace(OPTIONS, device=device).is_cuda is expected


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OrbitileError, match=r"^training\.device: cuda:1, but this machine has no CUDA device"):
        _ = replace(OPTIONS, device="cuda:1").is_cuda


@pytest.mark.parametrize(
    ("precision", "has_cuda", "expected"), [("auto", False, "32-true"), ("auto", True, "bf16-mixed"),
                                            ("float16", True, "16-mixed"), ("float32", True, "32-true"),
                                            ("bfloat16", False, "bf16-mixed")]
)  # fmt: skip
def test_number_formats(monkeypatch: pytest.MonkeyPatch, precision: str, has_cuda: bool, expected: str):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert replace(OPTIONS, device="auto", precision=precision).lightning_precision == expected


def test_float16_without_a_gpu_is_refused():
    """Lightning takes bfloat16 instead."""
    with pytest.raises(OrbitileError, match=r"^training\.precision: float16 needs a GPU; use bfloat16, float32"):
        _ = replace(OPTIONS, precision="float16").lightning_precision


@pytest.mark.parametrize(("threads", "text"), [(None, "4 CPU cores"), (4, "4 CPU cores"), (1, "1 of 4 CPU cores")])
def test_hardware_in_words(monkeypatch: pytest.MonkeyPatch, threads: int | None, text: str):
    monkeypatch.setattr(fit, "core_count", lambda: 4)
    assert replace(OPTIONS, threads=threads).hardware == text


@pytest.mark.parametrize(("device", "expected"), [("cpu", 1), ("auto", 1), ("cuda", 1), ("cuda:3", [3])])
def test_devices(device: str, expected: int | list[int]):
    assert fit._devices(device) == expected


def test_best_tensors_are_halved_where_they_stay_finite(tmp_path: Path):
    state = {"net.a": torch.tensor([0.5, 1e-3]), "net.large": torch.tensor([1e6]), "net.count": torch.tensor(3),
             "other.a": torch.zeros(1)}  # fmt: skip
    torch.save(dict(state_dict=state), tmp_path / "best.ckpt")
    tensors = best_tensors(tmp_path, "net.")
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "a": torch.float16, "large": torch.float32, "count": torch.int64,
    }  # fmt: skip
    assert tensors["large"].item() == 1e6


def test_checkpoints_are_complete_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A kill while one is written leaves the one before."""
    path = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint(dict(epoch=1), path)

    def killed(self: object, checkpoint: dict, temporary: Path, options: object) -> None:
        Path(temporary).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(fit.TorchCheckpointIO, "save_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpoints().save_checkpoint(dict(epoch=2), path)
    assert torch.load(path, weights_only=True) == dict(epoch=1)


class MadeModule(MonitoredModule):
    """A single weight, which every step changes, and the figures F1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained: list[int] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def training_step(self, batch: torch.Tensor, number: int) -> torch.Tensor:
        self.trained.append(self.current_epoch + 1)
        progress.time.now += 3600
        return (self.weight - batch.float()).pow(2).sum()

    def validation_step(self, batch: torch.Tensor, number: int) -> None:
        """Nothing: the figures are those of F1."""

    def on_validation_epoch_end(self) -> None:
        self.figures = dict(f1=F1[self.current_epoch], loss=1.0)
        self.log_criterion()

    def describe(self, figures: Mapping[str, Any]) -> str:
        return ""


class MadeBatches(LightningDataModule):
    def train_dataloader(self) -> DataLoader:
        return DataLoader(torch.arange(STEPS))

    def val_dataloader(self) -> DataLoader:
        return DataLoader(torch.arange(1))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Seconds that training steps count."""
    made = SimpleNamespace(now=0.0)
    made.monotonic = lambda: made.now
    monkeypatch.setattr(progress, "time", made)
    return made


@pytest.fixture
def fitted(tmp_path: Path, clock: SimpleNamespace):
    """An attempt in one folder: the epochs of its steps, its figures, and the best epoch's weight."""

    def run(**changes: object) -> tuple[list[int], dict[str, Any], float]:
        module, options = MadeModule(), replace(OPTIONS, epochs=len(F1), **changes)
        figures = fit.fit(module, MadeBatches(), options, tmp_path).figures
        return module.trained, figures, best_tensors(tmp_path, "weight")[""].item()

    return run


ENDS = dict(
    patience=dict(patience=2), epochs=dict(patience=9), cut=dict(patience=9, max_hours=6),
    cut_and_patience=dict(patience=1, max_hours=6),
)  # fmt: skip
"""Ways in which a training ends: in the third epoch, after all of them, and in the midst of the second."""


@pytest.mark.parametrize("end", ENDS)
def test_a_training_that_had_ended_when_it_was_killed_has_ended_at_the_next_attempt(fitted, end: str):
    trained, figures, weight = fitted(**ENDS[end])
    assert trained
    for _ in range(2):
        again, also_figures, also_weight = fitted(**ENDS[end])
        assert again == []
        assert also_figures == figures
        assert also_weight == weight


@pytest.mark.parametrize("max_hours", [None, 40, 7])
def test_a_raised_limit_lets_a_training_go_on_that_the_limit_had_ended(fitted, max_hours: float | None):
    """With whole epochs after the one that was cut; 7 hours cut the first step of the third."""
    assert fitted(patience=9, max_hours=6)[1]["is_cut_short"]
    trained, figures, _ = fitted(patience=9, max_hours=max_hours)
    after = [epoch for epoch in range(3, len(F1) + 1) for _ in range(STEPS)]
    assert trained == (after if max_hours != 7 else [3])
    assert figures["is_cut_short"] is (max_hours == 7)


def test_a_raised_limit_changes_nothing_where_patience_had_ended(fitted):
    _, figures, weight = fitted(patience=2, max_hours=100)
    for max_hours in (None, 200, 1):
        assert fitted(patience=2, max_hours=max_hours) == ([], figures, weight)


def test_an_attempt_whose_folder_was_moved_keeps_its_best_epoch(tmp_path: Path, clock: SimpleNamespace):
    """That before the move is the best, and the first after it is worse."""
    before, after = tmp_path / "before", tmp_path / "after"
    options = replace(OPTIONS, epochs=3, patience=9)
    fit.fit(MadeModule(), MadeBatches(), replace(options, max_hours=STEPS + 1), before)
    before.rename(after)
    figures = fit.fit(MadeModule(), MadeBatches(), options, after).figures
    best = torch.load(after / "best.ckpt", weights_only=True)
    assert (figures["epoch"], figures["epochs"], best["epoch"] + 1) == (1, 3, 1)
    assert not before.exists()


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_an_attempt_that_is_half_cleared_away_starts_anew(fitted, tmp_path: Path, name: str):
    trained, figures, weight = fitted(patience=2)
    (tmp_path / name).unlink()
    again, also_figures, also_weight = fitted(patience=2)
    assert (again, also_figures["best_epoch"]["f1"], also_weight) == (trained, figures["best_epoch"]["f1"], weight)
