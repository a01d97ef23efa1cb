from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base import settings_text
from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.base.settings_text import check_overrides, check_settings_files


@pytest.fixture
def refusal(tmp_path):
    """The message that refuses a text, without the path of its file; None where it is accepted."""

    def check(text, name="settings.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            check_settings_files([path])
        except OrbitileError as error:
            message = str(error)
            assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < 500
            return message.removeprefix(f"{path}: ")
        return None

    return check


@pytest.mark.parametrize(
    "text",
    [
        "run: a", "a: 12\nb: -0.5\nc: 1.0e+3", "a: true\nb: null\nc: ~\nd:", "a: [0.5, 99.5]\nb: {c: 1}", "a: 'yes'",
        'a: "010"\nb: "1:30"\nc: "2024-01-01"', "a: 0x1F", "a: .inf", "a: y\nb: n", "\ufeffa: 1", "a: 1\r\nb: 2\r\n",
        "a: &x [1, 2]\nb: *x", "# only\na: 1 # comments", "a: 1e3\nb: -.5\nc: 1e-4", '{"a": 1e3, "b": [010.5]}',
        '{"a": 1,\t"b": true}', "a: 08.5", "a: +12", "%YAML 1.2\n---\na: 1", "a: |\n  010\n  yes\n", "474: 1\n948: 2",
    ],
)  # fmt: skip
def test_data_of_one_meaning_are_accepted(refusal, text):
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("value", "older", "newer"),
    [
        ("010", "8", "10"), ("-017", "-15", "-17"), ("08", "text", "8"), ("0o17", "text", "15"), ("0b11", "3", "text"),
        ("1_000", "1000", "text"), ("1_0.5", "10.5", "text"), ("1:30", "90", "text"), ("1:30.5", "90.5", "text"),
        ("-0x1f", "-31", "text"), ("yes", "true", "text"), ("No", "false", "text"), ("off", "false", "text"),
        ("2024-01-01", "a date", "text"), ("=", "a default", "text"),
    ],
)  # fmt: skip
def test_what_two_versions_of_yaml_read_differently_is_refused(refusal, value, older, newer):
    message = refusal(f"a: 1\nsection:\n  - {value}\n")
    assert message.startswith(f"line 3: {value} is {older} in YAML 1.1 and {newer} in YAML 1.2; write ")
    assert refusal(f'a: "{value}"') is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", ["line 3: the key a stands in line 1 already"]),
        ("s:\n  b: 2\n  b: 2", ["line 3: the key b stands in line 2 already"]),
        ('a: {"b": 1, b: 2}', ["line 1: the key b"]),
        ("474: 1\n474.0: 2", ["line 2: the key 474.0 stands in line 1"]),
        ('{"a": {"b": 1,\n "b": 2}}', ["the key b stands twice in one section, see lines 1, 2"]),
        ("__use_yte__: true\na: 1", ["line 1: __use_yte__", "program"]),
        ("a: 1\n'__use_yte__': false", ["line 2: __use_yte__"]),
        ("a: &x __use_yte__\n*x : true", ["line 2: a key that is no plain word"]),
        ("<<: {__use_yte__: true}", ["line 1: << is a merged section in YAML 1.1", "write the keys"]),
        ("a: !!python/object/apply:os.system [ls]", ["line 1: the tag", "os.system"]),
        ("a: !!float 1", ["line 1: the tag"]),
        ("a: !local {}", ["line 1: the tag !local"]),
        ("a: 1\n---\nb: 2", ["line 2: a second document"]),
        ("[a: 1]", ["line 1: settings are lines of the form key: value"]),
        ("[1, 2]", ["settings are a section"]),
        ("text", ["line 1: settings are lines"]),
        ("", ["no settings in it"]),
        ("# comments alone\n", ["no settings in it"]),
        ("a:\n\tb: 1", ["line 2, column 1", "'\\t'", "indent with spaces"]),
        ("a: 'b", ["line 1, column 6: found unexpected end of stream"]),
        ("a: b: c", ["line 1, column 5: mapping values are not allowed here"]),
        ("a: \x00", ["not YAML", "unacceptable character"]),
        ("a: 1".encode("utf-16"), ["not text in UTF-8", "at byte 0"]),
        ("run: M\xfcller".encode("latin-1"), ["not text in UTF-8", "at byte 6"]),
        ("a: " + "9" * 5000, ["line 1: a number of 5000 characters; at most 50"]),
        ("a: " + "[" * 5000, ["line 1: more than 16 sections or lists inside each other"]),
        ("[" * 100_000, ["more than 16 sections"]),
        ("a: &a [*a]", ["line 1: *a stands for nothing that is complete"]),
        ("a: *b", ["line 1: *b stands for nothing"]),
        ('{"a": NaN}', ["NaN given; allowed are finite numbers"]),
        ("? [a]\n: 1", ["line 1: a key that is no plain word"]),
        ("a: " + "x" * 300_000, ["longer than 262144 characters"]),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused_with_its_line(refusal, text, words):
    message = refusal(text)
    assert message is not None
    assert [word for word in words if word not in message] == []


def test_aliases_that_repeat_each_other_are_counted(refusal):
    names = "abcdefghij"
    nested = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    message = refusal("\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]", *nested]))
    assert message == "line 5: more than 20000 keys and values, those of aliases included"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OrbitileError, match=r"gone\.yaml: no settings file there"):
        check_settings_files([tmp_path / "gone.yaml"])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["run=a", "run=b"], "--config: run is set twice"),
        (["scales=[{gsd_m: 1, gsd_m: 2}]"], "--config: scales: the key gsd_m stands in line 1 already"),
        (["scenes_per_group=010"], "--config: scenes_per_group: 010 is 8 in YAML 1.1 and 10"),
        (["scenes_per_group=1_0"], "--config: scenes_per_group: 1_0 is 10"),
        (["run=2024-01-01"], "--config: run: 2024-01-01 is a date"),
    ],
)
def test_settings_of_the_command_line_are_checked(overrides, words):
    with pytest.raises(OrbitileError) as error:
        check_overrides(overrides)
    assert str(error.value).startswith(words)


def test_texts_of_the_command_line_need_not_be_yaml():
    check_overrides(["allow_failures=true", 'crs=PROJCRS["x: y"', "run=", "scales=[{gsd_m: 1}]", "run2=a=b"])


scalars = st.one_of(
    st.from_regex(r"[-+]?[0-9_.:eExXob]{1,8}", fullmatch=True),
    st.sampled_from(["yes", "no", "on", "off", "true", "TRUE", "null", "~", ".inf", ".NaN", "y", "=", "1e3", "12e03"]),
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
)


@given(scalars)
def test_accepted_scalars_are_those_of_the_core_schema(text):
    """Those that both versions read as the same type are the same value, but for exponents, which stay text."""
    try:
        settings_text._TextCheck(is_file=True).check(f"a: {text}")
    except OrbitileError:
        return
    value = yaml.safe_load(f"a: {text}")["a"]
    kind = settings_text._kind_in_core_schema(text)
    if kind in ("int", "float") and "n" not in text.lower():
        assert float(value) == float(int(text, 16) if text[1:2] == "x" else text)
    elif kind == "str":
        assert value == text


def test_a_long_value_is_shortened_and_in_one_line():
    assert shortened("short") == "short"
    assert shortened("a\nb") == r"'a\nb'"
    assert len(shortened("x" * 1000)) < 60
