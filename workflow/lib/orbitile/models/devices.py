"""Where networks run and how precisely they compute."""

import ctypes
import fcntl
import os
import tempfile
from pathlib import Path
from typing import TextIO

import torch

from orbitile.errors import OrbitileError

PRECISIONS = dict(float32=torch.float32, float16=torch.float16, bfloat16=torch.bfloat16)
KEEP = {-8: 1, -3: 2**30, -1: 2**31 - 1}
"""What mallopt is told: one arena for all threads (M_ARENA_MAX), blocks of up to 1 GiB in it (M_MMAP_THRESHOLD), and to
give nothing back to the system (M_TRIM_THRESHOLD)."""
_claims: dict[int, TextIO] = {}
"""Locks on the GPU that is this process's own, held as long as it lives."""


def device_of(wanted: str) -> torch.device:
    """The device that a setting means: auto, cpu, cuda or cuda:N; OrbitileError where it is not here.

    On a machine with several GPUs every process gets one of its own, as far as they go.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        torch.set_num_threads(1)  # split over cores, sums would end in other digits on another number of them
        _keep_memory()
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise OrbitileError(f"model.device: {wanted} asked for, but no CUDA device is here; use auto or cpu")
    count = torch.cuda.device_count()
    if ":" in wanted and int(wanted.split(":")[1]) >= count:
        raise OrbitileError(f"model.device: {wanted} asked for, but there are {count} CUDA devices, counted from 0")
    device = torch.device(wanted if ":" in wanted else f"cuda:{_unclaimed(count)}")
    torch.cuda.set_device(device)
    return device


def dtype_of(precision: str, device: torch.device, half: torch.dtype) -> torch.dtype:
    """The type that a setting means; auto is float32 on the CPU and the given half precision on a GPU."""
    if precision == "auto":
        return torch.float32 if device.type == "cpu" else half
    return PRECISIONS[precision]


def _unclaimed(count: int) -> int:
    """The first GPU that no other process of ours has claimed, or the one with most free memory."""
    if count == 1:
        return 0
    for number in _claims or range(count):
        if number in _claims or _claim(number):
            return number
    return max(range(count), key=lambda number: torch.cuda.mem_get_info(number)[0])


def _claim(number: int) -> bool:
    """Make a GPU this process's own, unless it is another's."""
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
    """What tells a GPU from all others of the machine, also where a scheduler shows only some of them."""
    return str(torch.cuda.get_device_properties(number).uuid)


def _keep_memory() -> None:
    """Let the C library keep what is freed, if it is GNU's.

    Every pass needs the same memory again; to get it from the system anew costs up to a fifth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    for parameter, value in KEEP.items() if mallopt else ():
        mallopt(parameter, value)
