"""Runs whose power is cut end in the same bytes.

ORBITILE_POWER_CUTS=50 cuts it as often, ORBITILE_SEED sets the moments.
"""

import os
import secrets
from pathlib import Path

import pytest
from hostile.power_cuts import NoDiskError, cut_small_runs, power_cut_disk

CUTS = int(os.environ.get("ORBITILE_POWER_CUTS", "10"))
SEED = os.environ.get("ORBITILE_SEED", secrets.token_hex(4))


@pytest.fixture
def needs_disk(tmp_path: Path) -> None:
    """Where a disk can be mounted whose power can be cut: as root, outside most containers."""
    try:
        with power_cut_disk(tmp_path / "trial", size_mb=16):
            pass
    except NoDiskError as error:
        pytest.skip(f"no disk whose power can be cut: {error}")


@pytest.mark.usefixtures("needs_disk")
def test_power_cuts_at_random_end_in_the_same_bytes(tmp_path: Path):
    print(f"ORBITILE_SEED={SEED}")
    assert cut_small_runs(tmp_path / "cuts", CUTS, SEED).cuts == CUTS


@pytest.mark.usefixtures("needs_disk")
def test_the_disk_loses_what_was_not_synced(tmp_path: Path):
    with power_cut_disk(tmp_path / "disk", size_mb=16) as disk:
        for name in ("kept", "lost"):
            with (disk.folder / f"{name}.tmp").open("w") as file:
                file.write("x" * 100_000)
                if name == "kept":
                    file.flush()
                    os.fsync(file.fileno())
            (disk.folder / f"{name}.tmp").replace(disk.folder / name)
        descriptor = os.open(disk.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        disk.cut_power()
        assert {name: (disk.folder / name).stat().st_size for name in ("kept", "lost")} == dict(kept=100_000, lost=0)
