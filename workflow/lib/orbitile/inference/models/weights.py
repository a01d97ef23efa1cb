"""Weights on disk: checked by hash, and read without running code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic, sha256

Tensors = Mapping[str, torch.Tensor]


def check_hash(path: Path, expected: str) -> None:
    """OrbitileError where a weights file is missing, or its SHA-256 is not the one in the settings."""
    if not path.is_file():
        raise OrbitileError(f"model.weights: no file at {path}")
    actual = sha256(path)
    if actual != expected:
        raise OrbitileError(
            f"{path}: SHA-256 is {actual}, but model.sha256 is {expected}; "
            "use the right weights, or change model.sha256 if you trust these"
        )


def save_tensors(path: str | Path, tensors: Tensors, description: Mapping[str, object]) -> None:
    """Write tensors with a JSON description as a .safetensors file."""
    with atomic(path) as temporary:
        metadata = {name: json.dumps(value, sort_keys=True) for name, value in description.items()}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        temporary.chmod(0o644)  # the library makes it readable for its owner alone


def load_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the tensors and the description of a .safetensors file; OrbitileError where it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            description = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise OrbitileError(f"{path}: not weights in safetensors format ({error})") from error
