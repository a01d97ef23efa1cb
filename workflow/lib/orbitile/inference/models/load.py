"""Loading of the network that the settings choose."""

from importlib import import_module
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.versions import file_version
from orbitile.inference.models.devices import select_device
from orbitile.inference.models.families import FAMILIES
from orbitile.inference.models.network import ModelChoice, Network
from orbitile.inference.models.weights import check_hash

BLENDED = "orbitile.inference.models.foreground:ForegroundBlend"
"""What loads two networks as a single one."""


def load_network(choice: ModelChoice, section: str = "model") -> Network:
    """Load a network; OrbitileError where its weights do not have the hash of the settings, or are no such weights.

    `section` is that of the settings which names the weights. Where the choice names a second network, both are loaded
    as a single one. The file must be the same before its hash is taken and after it is loaded.
    """
    select_device(choice.device)  # first: on the CPU, to look at weights on all cores takes longer than on a single one
    path = Path(choice.weights)
    version = file_version(path)
    check_hash(path, choice.sha256, section)
    network = _adapter(choice).load(choice)
    if file_version(path) != version:
        raise OrbitileError(f"{path}: changed while it was loaded, so that its hash says nothing; run again")
    return network


def _adapter(choice: ModelChoice) -> type[Network]:
    module, name = (BLENDED if choice.foreground else FAMILIES[choice.family].adapter).split(":")
    return getattr(import_module(module), name)
