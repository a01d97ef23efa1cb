"""Loading of the network that the settings choose."""

from importlib import import_module
from pathlib import Path

from orbitile.inference.models.families import FAMILIES
from orbitile.inference.models.network import ModelChoice, Network
from orbitile.inference.models.weights import check_hash


def load_network(choice: ModelChoice) -> Network:
    """Load a network; OrbitileError where its weights do not have the hash of the settings, or are no such weights."""
    check_hash(Path(choice.weights), choice.sha256)
    module, name = FAMILIES[choice.family].adapter.split(":")
    adapter: type[Network] = getattr(import_module(module), name)
    return adapter.load(choice)
