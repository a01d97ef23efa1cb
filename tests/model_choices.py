"""Which network a test loads, and how."""

from pathlib import Path

from orbitile.base.files import sha256
from orbitile.inference.models.network import ModelChoice


def on_the_cpu(weights: Path, **changes: object) -> ModelChoice:
    """Weights with their own hash, on the CPU in float32."""
    fields = dict(sha256=sha256(weights), device="cpu", precision="float32", compile=False, batch=None)
    return ModelChoice(str(weights), **fields | changes)
