import json
from pathlib import Path

import pytest

from orbitile.base import seals
from orbitile.base.seals import find_damage, seal_path, write_seal

CONTENT = bytes(range(256)) * 1000


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 4096 * 4096]


def _with_zero_tail(content: bytes) -> bytes:
    return content[:-5000] + bytes(5000)


def _with_flipped_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = dict(
    empty=lambda content: b"", half=lambda content: content[: len(content) // 2], at_a_block=_truncated,
    zero_tail=_with_zero_tail, zeros=lambda content: bytes(len(content)), flipped=_with_flipped_byte,
    longer=lambda content: content + b"x",
)  # fmt: skip


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    path = tmp_path / "100m-key.json"
    path.write_bytes(CONTENT)
    path.with_suffix(".tif").write_bytes(CONTENT[::-1])
    write_seal(path, [path.with_suffix(".tif")])
    return path


def test_a_finished_file_is_whole_under_each_of_its_names(piece: Path):
    assert find_damage(piece) is None
    assert find_damage(piece.with_suffix(".tif")) is None
    assert seal_path(piece) == seal_path(piece.with_suffix(".tif"))


@pytest.mark.parametrize("suffix", [".json", ".tif"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_seen_in_all_sealed_files(piece: Path, suffix: str, damage):
    file = piece.with_suffix(suffix)
    file.write_bytes(damage(file.read_bytes()))
    assert file.name in find_damage(piece)


def test_a_missing_file_is_damage(piece: Path):
    piece.with_suffix(".tif").unlink()
    assert find_damage(piece) == f"{piece.with_suffix('.tif')} cannot be read"


def test_content_and_seal_of_another_piece_are_damage(piece: Path):
    other = piece.with_name("100m-other.json")
    other.write_bytes(CONTENT)
    assert "no seal" in find_damage(other)
    seal_path(other).write_bytes(seal_path(piece).read_bytes())
    assert "another file" in find_damage(other)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"x"', '{"100m-key.json": []}', '{"100m-key.json": null}', "\x00\xff", "{}"]
)
def test_a_damaged_seal_is_damage(piece: Path, text: str):
    seal_path(piece).write_bytes(text.encode("latin1"))
    assert find_damage(piece) is not None


def test_large_files_are_checked_by_length_and_samples(piece: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seals, "COMPLETE_BYTES", 1000)
    monkeypatch.setattr(seals, "SAMPLES", 5)
    monkeypatch.setattr(seals, "SAMPLE_BYTES", 100)
    write_seal(piece)
    content = bytearray(CONTENT)
    for place in (0, 99, len(content) - 1, len(content) - 100, len(content) // 2):
        damaged = content.copy()
        damaged[place] ^= 1
        piece.write_bytes(damaged)
        assert find_damage(piece) == f"{piece} is not as it was finished"
    damaged = content.copy()
    damaged[5000] ^= 1  # between two samples
    piece.write_bytes(damaged)
    assert find_damage(piece) is None


def test_an_empty_file_can_be_sealed(piece: Path):
    piece.write_bytes(b"")
    write_seal(piece)
    assert find_damage(piece) is None
    assert json.loads(seal_path(piece).read_text()) == {"100m-key.json": [0, 0]}
