from dataclasses import replace
from pathlib import Path

import pytest
import torch

from orbitile.base.errors import OrbitileError
from orbitile.training import fit
from orbitile.training.fit import AtomicCheckpoints, FitOptions, best_tensors

OPTIONS = FitOptions(section="training", epochs=2, patience=2, seed=0, device="cpu")


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
