import pytest
import torch

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.models.weights import check_hash, load_tensors, save_tensors


def test_tensors_and_their_description_read_back(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = dict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(2, dtype=torch.float16))
    save_tensors(path, tensors, dict(family="yolo", names={0: "crater"}))
    read_back, description = load_tensors(path)
    assert description == dict(family="yolo", names={"0": "crater"})
    assert read_back.keys() == tensors.keys()
    assert all(torch.equal(read_back[name], tensors[name]) for name in tensors)
    assert read_back["b"].dtype == torch.float16


def test_turned_tensors_are_written_as_they_look(tmp_path):
    turned = torch.arange(6).reshape(2, 3).T
    save_tensors(tmp_path / "a.safetensors", dict(a=turned), {})
    assert torch.equal(load_tensors(tmp_path / "a.safetensors")[0]["a"], turned)


def test_the_same_weights_have_the_same_hash(tmp_path):
    for name in ("a", "b"):
        save_tensors(tmp_path / name, dict(x=torch.ones(3)), dict(names={1: "b", 0: "a"}))
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"made up", b"\x80\x04N."])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(OrbitileError, match=r"a\.safetensors: not weights in safetensors format"):
        load_tensors(tmp_path / "a.safetensors")


def test_the_hash_must_agree(tmp_path):
    (tmp_path / "a").write_bytes(b"made up")
    check_hash(tmp_path / "a", sha256(tmp_path / "a"))
    with pytest.raises(OrbitileError, match=rf"SHA-256 is {sha256(tmp_path / 'a')}, but model.sha256 is {'0' * 64}"):
        check_hash(tmp_path / "a", "0" * 64)


def test_weights_that_have_gone(tmp_path):
    with pytest.raises(OrbitileError, match=r"model\.weights: no file at"):
        check_hash(tmp_path / "gone", "0" * 64)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    """Their SHA-256 names them in the settings; the library alone orders descriptions by chance."""
    description = {f"key{number}": [number, "ä", '"'] for number in range(20)}
    for name in "ab":
        save_tensors(tmp_path / name, dict(a=torch.arange(3), b=torch.ones(2)), description)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tensors, described = load_tensors(tmp_path / "a")
    assert described == description
    assert tensors["a"].tolist() == [0, 1, 2]
