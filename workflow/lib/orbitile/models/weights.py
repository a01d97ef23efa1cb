"""Weights on disk: checked by hash, and read without running code."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from orbitile.errors import OrbitileError
from orbitile.files import atomic, sha256


def check_hash(path: Path, expected: str) -> None:
    """Refuse weights that are missing or not the ones the settings name."""
    if not path.is_file():
        raise OrbitileError(f"model.weights: no file at {path}")
    found = sha256(path)
    if found != expected:
        raise OrbitileError(
            f"{path}: SHA-256 is {found}, but model.sha256 says {expected}; "
            "use the right weights, or put the new hash into the settings if you trust them"
        )


def save_tensors(path: str | Path, tensors: dict, description: dict) -> None:
    """Write tensors with a JSON description as a .safetensors file."""
    with atomic(path) as temporary:
        metadata = {name: json.dumps(value, sort_keys=True) for name, value in description.items()}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        temporary.chmod(0o644)  # the library makes it readable for its owner alone


def load_tensors(path: Path) -> tuple[dict, dict]:
    """Read the tensors and the description of a .safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            description = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise OrbitileError(f"{path}: not weights in safetensors format ({error})") from error
