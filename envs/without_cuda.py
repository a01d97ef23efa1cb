"""Remove from this Python's environment what only a GPU uses.

PyTorch is linked to most CUDA libraries and does not start without them, even on a CPU. So the files of
NVIDIA's packages that it opens at its start stay, and the others go, as does the compiler for GPUs.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path


def remove_triton() -> None:
    """Uninstall the compiler, and do it first: PyTorch opens it where it finds it."""
    subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "triton"], check=True)


def opened() -> set[Path]:
    """Start PyTorch, use it, and return every file that this process has mapped."""
    import torch
    import torchvision  # noqa: F401

    torch.nn.Conv2d(3, 8, 3)(torch.zeros(1, 3, 64, 64))
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {Path(line.split(maxsplit=5)[5]) for line in maps if "/" in line}


if __name__ == "__main__":
    remove_triton()
    needed = opened()
    for path in Path(sysconfig.get_path("purelib"), "nvidia").rglob("*"):
        if path.is_file() and path not in needed:
            path.unlink()
