"""Weights on disk: checked by hash, and read without running code."""

import json
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.files import atomic, sha256
from orbitile.base.messages import shortened
from orbitile.inference.models.weights_header import HEADER_LIMIT

log = logging.getLogger(__name__)

Tensors = Mapping[str, torch.Tensor]
MOST_ENTRIES = 100_000
"""Files in the archive that a .pt is."""


def check_hash(path: Path, expected: str, section: str = "model") -> None:
    """OrbitileError where a weights file is missing, or its SHA-256 is not the one in that section of the settings."""
    if not path.is_file():
        raise OrbitileError(f"{section}.weights: no file at {path}")
    actual = sha256(path)
    if actual != expected:
        raise OrbitileError(
            f"{path}: SHA-256 is {actual}, but {section}.sha256 is {expected}; "
            f"use the right weights, or change {section}.sha256 if you trust these"
        )


def save_tensors(path: str | Path, tensors: Tensors, description: Mapping[str, object]) -> None:
    """Write tensors with a JSON description as a .safetensors file."""
    with atomic(path) as temporary:
        metadata = {name: json.dumps(value, sort_keys=True) for name, value in description.items()}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        _sort_metadata(temporary)
        temporary.chmod(0o644)  # the library makes it readable for its owner alone


def _sort_metadata(path: Path) -> None:
    """Put a file's metadata in order: the library writes them in a random one, and equal weights got unequal hashes."""
    with open(path, "r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        file.seek(8)
        file.write(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size))


def load_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read the tensors and the description of a .safetensors file; OrbitileError where it is none."""
    try:
        _check_header_length(path)
        with safe_open(path, framework="pt") as file:
            description = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            check_types(tensors)
            return tensors, description
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise OrbitileError(
            f"{path}: not weights in safetensors format ({shortened(first_line(error), 200)})"
        ) from error


def check_types(tensors: Tensors) -> None:
    """ValueError for tensors of complex numbers, of which a network would take the real part alone."""
    if name := next((name for name, tensor in tensors.items() if tensor.is_complex()), None):
        raise ValueError(f"the tensor {shortened(name)} holds complex numbers")


def check_archive(path: Path) -> None:
    """OrbitileError where a .pt, an archive of files as they are, would unpack to more than it holds."""
    if not zipfile.is_zipfile(path):
        return
    try:
        entries = zipfile.ZipFile(path).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise OrbitileError(f"{path}: a damaged archive ({first_line(error)}); copy it again") from error
    is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    if not is_stored or len(entries) > MOST_ENTRIES or sum(e.file_size for e in entries) > path.stat().st_size:
        raise OrbitileError(f"{path}: a compressed archive, which could unpack to any size; save it with torch.save")


def warn_of_non_finite(path: Path, model: torch.nn.Module) -> None:
    """Warn of parameters that are not finite, and of buffers that are no numbers: tiles fail where they count."""
    parameters = dict(model.named_parameters())
    for name, tensor in model.state_dict().items():
        is_fault = torch.isnan(tensor) if name not in parameters else ~torch.isfinite(tensor)
        if bool(is_fault.any()):
            log.warning("%s: the tensor %s holds numbers that are not finite; did the training diverge?", path, name)
            return


def _check_header_length(path: Path) -> None:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"its header is said to have {length} bytes; at most {HEADER_LIMIT} are read")
