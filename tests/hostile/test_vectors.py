"""Odd vector files: mended with a word and right, or refused with file and row (see vectors.py)."""

from random import Random

import pytest
from hostile.vectors import FAULTS, check, check_fault


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault(name, tmp_path):
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_fault(name, Random(f"{name}:{seed}"), folder)


def test_at_random(tmp_path):
    for seed in range(100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(Random(f"vectors:{seed}"), folder)
