"""State dicts trained elsewhere: read without running code, unwrapped, and compared with the network they are for."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch

from orbitile.errors import OrbitileError, first_line

Tensors = Mapping[str, torch.Tensor]

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")
"""Under which name checkpoints that hold more keep the network's state."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What torch's wrappers for several GPUs, Lightning and compiling put before the names of tensors."""
AUXILIARY = "aux_classifier."
"""Of a second head, which only helps to train."""
COUNTERS = ".num_batches_tracked"
"""Of normalisations: not used, and not in old checkpoints."""


def tensors_of_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a network in a checkpoint, by the network's own names; OrbitileError where there are none."""
    if not path.is_file():
        raise OrbitileError("no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise OrbitileError(_refusal(str(error))) from error
    except Exception as error:
        raise OrbitileError(f"no readable checkpoint, {first_line(error)}; is it truncated?") from error
    return _unprefixed(_unwrapped(content))


def fill_in(model: torch.nn.Module, tensors: Tensors) -> torch.nn.Module:
    """Put tensors into a network and return it; OrbitileError tells how they differ from the network's own."""
    own = model.state_dict()
    given = {name: one for name, one in tensors.items() if not name.startswith(AUXILIARY)}
    _check_first_layer(model, given)
    _check_last_layer(own, given)
    missing = [name for name in own if name not in given and not name.endswith(COUNTERS)]
    unknown = [name for name in given if name not in own]
    differing = [name for name in own if name in given and own[name].shape != given[name].shape]
    for names, how in ((missing, "missing"), (unknown, "unknown to it"), (differing, "of another shape")):
        if names:
            raise OrbitileError(f"they are those of another network: {len(names)} of its {len(own)} tensors are {how}, "
                                f"the first is {names[0]}")  # fmt: skip
    model.load_state_dict(given, strict=False)
    return model


def _refusal(error: str) -> str:
    """Why torch would not unpickle a file, in one line."""
    named = re.search(r"GLOBAL ([\w.]+)|Unsupported (?:class|global) ([\w.]+)", error)
    if named is None:
        return "no readable checkpoint; is it truncated?"
    return (f"it would run code, {named[1] or named[2]}; save the network's state_dict() alone")  # fmt: skip


def _unwrapped(content: object) -> dict[str, torch.Tensor]:
    """The innermost state dict of a checkpoint."""
    while isinstance(content, Mapping):
        inner = next((content[name] for name in WRAPPINGS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            break
        content = inner
    tensors = content if isinstance(content, Mapping) else {}
    tensors = {str(name): one for name, one in tensors.items() if isinstance(one, torch.Tensor)}
    if not tensors:
        raise OrbitileError("it holds no tensors; save the network's state_dict()")
    return tensors


def _unprefixed(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Tensors without the prefixes of wrappers; what has none, where others do, is not the network's."""
    while prefix := next((one for one in PREFIXES if any(name.startswith(one) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
    return dict(tensors)


def _check_first_layer(model: torch.nn.Module, given: Tensors) -> None:
    convolutions = ((name, part) for name, part in model.named_modules() if isinstance(part, torch.nn.Conv2d))
    name, first = next(convolutions)
    found = given.get(f"{name}.weight")
    if found is not None and found.dim() == 4 and found.shape[1] * first.groups != first.in_channels:
        raise OrbitileError(f"their first layer takes {found.shape[1]} channels, not {first.in_channels}")


def _check_last_layer(own: Tensors, given: Tensors) -> None:
    last = list(own)[-1]
    found = given.get(last)
    if found is not None and found.dim() == 1 and len(found) != len(own[last]):
        raise OrbitileError(f"they answer {len(found)} classes, but {len(own[last])} are named")
