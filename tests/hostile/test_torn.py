"""Torn files of a run count as missing and are made again."""

from random import Random

import pytest
from hostile import torn

from orbitile.base.errors import OrbitileError


@pytest.mark.parametrize("seed", range(12))
def test_torn_runs_end_in_the_same_bytes(tmp_path, seed):
    assert torn.check(Random(seed), tmp_path) in ("accepted", "refused")


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _zero_tail(content: bytes) -> bytes:
    return content[: -len(content) // 4] + bytes(-(-len(content) // 4))


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("stage", "pattern"),
    [
        ("georeferenced", "rasters/a/100m-*.json"),
        ("georeferenced", "rasters/a/100m-*.tif"),
        ("scaled", "rasters/b/200m-*.tif"),
        ("tiles", "work/tile/a/100m-*.parquet"),
        ("predictions", "work/infer/b/100m-*.parquet"),
    ],
)
@pytest.mark.parametrize(
    "damage", [lambda content: b"", _half, _zero_tail, _flipped], ids=["empty", "half", "zeros", "flip"]
)
def test_torn_piece(tmp_path, caplog, stage, pattern, damage):
    run = torn.SmallRun(tmp_path)
    run.finish()
    expected = run.contents()
    path = min(run.results.glob(pattern))
    path.write_bytes(damage(path.read_bytes()))
    run.table(stage).unlink()
    caplog.clear()
    run.finish()
    assert run.contents() == expected
    (line,) = [message for message in caplog.messages if "missing" in message]
    assert str(path) in line


def test_a_torn_raster_of_a_finished_table_is_made_again_in_the_next_attempt(tmp_path):
    """Its table is there, so that the job which made it would not run again."""
    run = torn.SmallRun(tmp_path)
    run.finish()
    expected = run.contents()
    path = min((run.results / "rasters" / "a").glob("100m-*.tif"))
    path.write_bytes(_flipped(path.read_bytes()))
    run.table("tiles").unlink()
    with pytest.raises(OrbitileError, match=rf"{path} is not as it was finished; .* run again"):
        run.finish()
    run.finish()
    assert run.contents() == expected
