"""Where networks run and how precisely they compute."""

import ctypes
import fcntl
import os
import tempfile
from pathlib import Path
from typing import TextIO

import torch

from orbitile.base.errors import OrbitileError

PRECISIONS = dict(float32=torch.float32, float16=torch.float16, bfloat16=torch.bfloat16)
ALLOCATION = {-8: 1, -3: 2**30, -1: 2**31 - 1}
"""Parameters of mallopt: one arena for all threads (M_ARENA_MAX), with blocks of up to 1 GiB in it (M_MMAP_THRESHOLD),
of which nothing is given back to the system (M_TRIM_THRESHOLD)."""
_claims: dict[int, TextIO] = {}
"""Locks on the GPUs that this process has claimed, held as long as it lives; by number."""


def select_device(setting: str) -> torch.device:
    """The device that a setting means: auto, cpu, cuda or cuda:N; OrbitileError where the machine has none such.

    On a machine with several GPUs every process gets a GPU to itself, as long as there are enough.
    """
    if setting == "cpu" or (setting == "auto" and not torch.cuda.is_available()):
        torch.set_num_threads(1)  # split over cores, sums would end in other digits on another number of them
        _keep_memory()
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise OrbitileError(f"model.device: {setting} is set, but this machine has no CUDA device; use auto or cpu")
    count = torch.cuda.device_count()
    if ":" in setting and int(setting.split(":")[1]) >= count:
        raise OrbitileError(
            f"model.device: {setting} is set, but this machine has {count} CUDA devices, counted from 0"
        )
    device = torch.device(setting if ":" in setting else f"cuda:{_unclaimed(count)}")
    torch.cuda.set_device(device)
    return device


def select_dtype(precision: str, device: torch.device, half: torch.dtype) -> torch.dtype:
    """The type that a precision of the settings means; auto is float32 on the CPU, and `half` on a GPU."""
    if precision == "auto":
        return torch.float32 if device.type == "cpu" else half
    return PRECISIONS[precision]


def _unclaimed(count: int) -> int:
    """Number of the first GPU that no other process of ours has claimed, or of the one with most free memory."""
    if count == 1:
        return 0
    for number in _claims or range(count):
        if number in _claims or _claim(number):
            return number
    return max(range(count), key=lambda number: torch.cuda.mem_get_info(number)[0])


def _claim(number: int) -> bool:
    """Claim a GPU for this process; False where another process has claimed it."""
    path = Path(tempfile.gettempdir()) / f"orbitile-{os.getuid()}-{_identity(number)}.lock"
    claim = open(path, "a")  # noqa: SIM115
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        return False
    _claims[number] = claim
    return True


def _identity(number: int) -> str:
    """The identifier of a GPU, the same in processes to which a scheduler shows only some of the machine's GPUs."""
    return str(torch.cuda.get_device_properties(number).uuid)


def _keep_memory() -> None:
    """Let the C library, if it is GNU's, keep memory that is freed.

    Every pass needs the same memory again; to get it from the system anew costs up to a fifth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in ALLOCATION.items():
            mallopt(parameter, value)
