"""Which device and precision settings mean, on made-up machines with GPUs and without."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from orbitile.base.errors import OrbitileError
from orbitile.inference.models import devices
from orbitile.inference.models.devices import select_device, select_dtype


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes torch believe in GPUs with some bytes free; tells which one was made the current one."""
    chosen = []

    def make(*free):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(free))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (free[number], 80e9))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"GPU-{number}"))
        monkeypatch.setattr(devices, "_claims", {})
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
        return chosen

    yield make
    for claim in devices._claims.values():
        claim.close()


ANOTHER = """
import fcntl, sys
files = [open(path, "a") for path in sys.argv[1:]]
for file in files:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def another_process(tmp_path):
    """Another process that claims GPUs of the made-up machine, as long as the test runs."""
    processes = []

    def claim(*numbers):
        paths = [str(tmp_path / f"orbitile-{devices.os.getuid()}-GPU-{number}.lock") for number in numbers]
        process = subprocess.Popen([sys.executable, "-c", ANOTHER, *paths], stdin=-1, stdout=-1, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield claim
    for process in processes:
        process.communicate()


@pytest.mark.parametrize("setting", ["auto", "cpu"])
def test_without_gpus_it_is_one_core(machine, setting):
    machine()
    torch.set_num_threads(2)
    assert select_device(setting) == torch.device("cpu")
    assert torch.get_num_threads() == 1


def test_the_cpu_where_it_is_asked_for(machine):
    chosen = machine(10)
    assert select_device("cpu") == torch.device("cpu")
    assert not chosen


@pytest.mark.parametrize("setting", ["cuda", "cuda:0"])
def test_gpus_that_are_not_here(machine, setting):
    machine()
    with pytest.raises(
        OrbitileError, match=rf"model\.device: {setting} is set, but this machine has no CUDA device; use auto"
    ):
        select_device(setting)


def test_more_gpus_than_are_here(machine):
    machine(10, 10)
    with pytest.raises(OrbitileError, match=r"cuda:3 is set, but this machine has 2 CUDA devices, counted from 0"):
        select_device("cuda:3")


@pytest.mark.parametrize("setting", ["auto", "cuda", "cuda:0"])
def test_a_single_gpu(machine, setting, tmp_path):
    chosen = machine(10)
    assert select_device(setting) == torch.device("cuda:0")
    assert chosen == [torch.device("cuda:0")]
    assert not list(tmp_path.iterdir())


def test_a_gpu_by_its_number(machine):
    machine(10, 10, 10)
    assert select_device("cuda:2") == torch.device("cuda:2")


def test_processes_claim_different_gpus(machine, another_process):
    machine(10, 10, 10)
    another_process(0)
    assert select_device("auto") == torch.device("cuda:1")


def test_a_process_stays_with_its_gpu(machine):
    machine(10, 10, 10)
    assert [select_device("auto").index for _ in range(3)] == [0, 0, 0]


def test_gpus_of_processes_that_have_ended_are_free(machine, another_process):
    machine(10, 10)
    another_process(0).communicate()
    assert select_device("cuda") == torch.device("cuda:0")


def test_where_all_gpus_are_claimed_most_free_memory_decides(machine, another_process):
    machine(10, 30, 20)
    another_process(0, 1, 2)
    assert select_device("auto") == torch.device("cuda:1")


def test_locks_of_other_users_are_not_touched(machine, tmp_path):
    """Users have locks of their own: nobody may open another's."""
    machine(10, 10)
    select_device("auto")
    (lock,) = tmp_path.iterdir()
    assert f"-{devices.os.getuid()}-" in lock.name


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [
        ("auto", "cpu", torch.float32),
        ("auto", "cuda", torch.float16),
        ("float32", "cuda", torch.float32),
        ("float16", "cpu", torch.float16),
        ("bfloat16", "cuda", torch.bfloat16),
    ],
)
def test_precision(precision, device, expected):
    assert select_dtype(precision, torch.device(device), torch.float16) == expected
