import pytest

from orbitile.base.names import is_plain_name


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("M104.left", True), ("a", True), ("0_-", True), ("", False), (".a", False), ("-a", False), ("a b", False),
        ("a/b", False), ("a..b", False), ("a\n", False), ("é", False), ("a'", False),
    ],
)  # fmt: skip
def test_plain_names(text, plain):
    assert is_plain_name(text) == plain
