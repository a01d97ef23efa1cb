"""Paths that lead nowhere are refused in one line, whatever it is that the system cannot do with them."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import FileAccess, check_regular, real_path


@pytest.fixture
def circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    return tmp_path / "a"


@pytest.mark.parametrize("ask", [real_path, check_regular, FileAccess().around])
def test_links_in_a_circle_are_refused(circle, ask):
    with pytest.raises(OrbitileError, match=r"a: cannot be read as a file \(.*\); is the path right\?$"):
        ask(circle)


@pytest.mark.parametrize("ask", [real_path, check_regular, FileAccess().around])
def test_what_no_path_holds_is_refused(tmp_path, ask):
    with pytest.raises(OrbitileError, match=r"cannot be read as a file \(embedded null byte\); is the path right\?$"):
        ask(tmp_path / "a\0b")


def test_the_folder_of_a_file_and_that_of_its_link_are_open(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here.tif").symlink_to("there/image.tif")
    assert FileAccess().around(tmp_path / "here.tif").folders == (tmp_path, tmp_path / "there")
