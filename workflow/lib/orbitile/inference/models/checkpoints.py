"""State dicts trained elsewhere: read without running code, unwrapped, and compared with the network they are for."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened
from orbitile.inference.models.weights import Tensors, check_archive, check_types

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")
"""Names under which checkpoints that hold more keep the network's state."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What torch's wrappers for several GPUs, Lightning and compiling put before the names of tensors."""
DEEPEST_WRAPPING = 8
"""Wrappings inside each other: a checkpoint may hold itself."""
LONGEST_TENSOR_NAME = 1000
AUXILIARY = "aux_classifier."
"""Prefix of a second head, which only helps to train."""
COUNTERS = ".num_batches_tracked"
"""Ending of counters in normalisations: not used, and not in old checkpoints."""


def read_checkpoint_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a network from a checkpoint, by the network's own names; OrbitileError where it has none."""
    if not path.is_file():
        raise OrbitileError("no such file")
    check_archive(path)
    try:
        content = _innermost_tensors(torch.load(path, map_location="cpu", weights_only=True))
        check_types(content)
    except OrbitileError:
        raise
    except pickle.UnpicklingError as error:
        raise OrbitileError(_explain_refusal(str(error))) from error
    except Exception as error:
        raise OrbitileError(f"no readable checkpoint, {first_line(error)}; is it truncated?") from error
    return _without_prefixes(content)


def load_into(model: torch.nn.Module, tensors: Tensors) -> torch.nn.Module:
    """Put tensors into a network and return it; OrbitileError where they are not the network's."""
    expected = model.state_dict()
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(AUXILIARY)}
    _check_first_layer(model, tensors)
    _check_last_layer(expected, tensors)
    check_tensors(expected, tensors)
    model.load_state_dict(tensors, strict=False)
    return model


def check_tensors(expected: Tensors, tensors: Tensors) -> None:
    """OrbitileError where tensors of a network are missing, left over or of another shape than expected."""
    missing = [name for name in expected if name not in tensors and not name.endswith(COUNTERS)]
    unknown = [name for name in tensors if name not in expected]
    shared = expected.keys() & tensors.keys()
    differing = [name for name in expected if name in shared and expected[name].shape != tensors[name].shape]
    faults = {"are missing": missing, "have another shape": differing}
    for fault, names in faults.items():
        if names:
            raise OrbitileError(f"{len(names)} of the network's {len(expected)} tensors {fault} in the file, first "
                                f"{names[0]}; are these weights of another network?")  # fmt: skip
    if unknown:
        raise OrbitileError(f"{len(unknown)} of the file's {len(tensors)} tensors are not part of the network, first "
                            f"{shortened(unknown[0])}; are these weights of another network?")  # fmt: skip


def _explain_refusal(error: str) -> str:
    """Why torch does not unpickle a file, in one line."""
    match = re.search(r"GLOBAL ([\w.]+)|Unsupported (?:class|global) ([\w.]+)", error)
    if match is None:
        return "no readable checkpoint; is it truncated?"
    return f"to read it would run code, {match[1] or match[2]}; save the network's state_dict() alone"


def _innermost_tensors(content: object) -> dict[str, torch.Tensor]:
    """The innermost state dict of a checkpoint."""
    for _ in range(DEEPEST_WRAPPING):
        if not isinstance(content, Mapping):
            break
        inner = next((content[name] for name in WRAPPINGS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            break
        content = inner
    entries = content if isinstance(content, Mapping) else {}
    tensors = {str(name): entry for name, entry in entries.items() if isinstance(entry, torch.Tensor)}
    if not tensors:
        raise OrbitileError("the file holds no tensors; save the network's state_dict()")
    if longest := next((name for name in tensors if len(name) > LONGEST_TENSOR_NAME), None):
        raise OrbitileError(
            f"a tensor is called {shortened(longest)}; at most {LONGEST_TENSOR_NAME} characters are allowed"
        )
    return tensors


def _without_prefixes(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Tensors without the prefixes of wrappers; tensors without the prefix that others have are not the network's."""
    while prefix := next((p for p in PREFIXES if any(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    return dict(tensors)


def _check_first_layer(model: torch.nn.Module, tensors: Tensors) -> None:
    convolutions = ((name, part) for name, part in model.named_modules() if isinstance(part, torch.nn.Conv2d))
    name, first = next(convolutions)
    weight = tensors.get(f"{name}.weight")
    if weight is not None and weight.dim() == 4 and weight.shape[1] * first.groups != first.in_channels:
        raise OrbitileError(f"the weights' first layer takes {weight.shape[1]} channels, that of the network described "
                            f"takes {first.in_channels}: as many as mean and std have numbers")  # fmt: skip


def _check_last_layer(expected: Tensors, tensors: Tensors) -> None:
    last = list(expected)[-1]
    bias = tensors.get(last)
    if bias is not None and bias.dim() == 1 and len(bias) != len(expected[last]):
        raise OrbitileError(f"{len(expected[last])} classes are named, but the weights have outputs for {len(bias)}")
