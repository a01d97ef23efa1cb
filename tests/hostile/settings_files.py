"""Settings files as a stranger, a slip of the pen or a broken disk may make them: a kind of input of the campaign."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import yaml
from snakemake.common.configfile import load_configfile

from orbitile.__main__ import check_settings_file
from orbitile.base.errors import OrbitileError
from orbitile.base.settings_text import check_overrides
from orbitile.settings import Settings

PLAIN = """\
run: odd
body: Moon
scenes: scenes.csv
scenes_per_group: 4
allow_failures: true
stretch_percentiles: [0.5, 99.5]
bands: [red, 2]
scales:
  - {gsd_m: 474, tile_px: 512, overlap_px: 128, min_object_px: 8, max_object_px: 120}
  - {gsd_m: 948, min_object_px: 12}
model:
  weights: WEIGHTS
  sha256: ea63d7c71096ded8ebab38ecc349d649295d8de1b8948be9fbbabc578169cda0
  batch: null
  precision: auto
suppression:
  iou_threshold: 0.4
  score_threshold: 0.3
  rings: 2
vectors: {shape: ellipse, vertices: 128}
training:
  craters: craters.csv
  tiles_per_epoch: 1000
  learning_rate: 1e-3
  epochs: 100
labels:
  buffers_px: {tiny: 2.5, huge: 17.5}
"""
TRAPS = (
    "010", "0o17", "08", "1_000", "1:30", "yes", "No", "on", "OFF", "y", "~", "null", "", "1e3", "-.5", "+1", "0x1F",
    "-0x1F", "0b1", ".inf", "-.inf", ".nan", "2024-01-01", "2024-99-99", "12:30:45", "=", "<<", "*a", "&a b", "!!int 3",
    "!!str 3", "!!python/name:os.system", "!!binary aGk=", "!!set {a}", "1" * 400, "9" * 6000, "1e400", "1e-400", "-1",
    "0", "-0.0", "1000000000000", "1e18", "4294967296", "true", "[]", "{}", "[[[]]]", "{a: 1}", "[1, 2, 3]", "'x'",
    '"\\0"', '"a\\nb"', "\u0663", "\uff11\uff12", "\u00e9", "\U0001f642", "../../../etc/passwd", "/dev/zero",
    "/dev/stdin", "$(touch CANARY)", "`touch CANARY`", "x" * 9000, "?x", '"\\ud800"', "nan", "infinity", "None",
    "0.1.2", "--5", "1,5", "5 m", "1e3.5", "@x", "%x", "|", ">-", "# x", "a: b", "- a",
)  # fmt: skip
"""Values that mean different things to different parsers, or nothing that a setting may be."""
PROGRAMS = (
    "__use_yte__: true\n__definitions__:\n  - import os\n  - os.system('touch CANARY')\n",
    "__use_yte__: true\n?open('CANARY', 'w').close(): x\n",
    "'__use_yte__': true\n__variables__:\n  x: ?__import__('os').system('touch CANARY')\n",
    "<<: {__use_yte__: true}\n__definitions__: [\"open('CANARY', 'w')\"]\n",
    "? __use_yte__\n: yes\n__definitions__: [\"open('CANARY', 'w')\"]\n",
    "a: &k __use_yte__\n*k : true\n__definitions__: [\"open('CANARY', 'w')\"]\n",
    "\"__use\\x5fyte__\": 1\n__definitions__: [\"open('CANARY', 'w')\"]\n",
    "!!python/object/apply:os.system ['touch CANARY']: 1\n",
    "x: !!python/object/new:os.system ['touch CANARY']\n",
    "x: !!python/object/apply:subprocess.Popen [[touch, CANARY]]\n",
    "--- !!python/object/apply:os.system ['touch CANARY']\n",
)


def program(random: Random, text: str) -> str:
    """Settings that want to run code, before, behind or instead of others."""
    code = random.choice(PROGRAMS)
    return random.choice([code + text, text + code, code])


def repeated_line(random: Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    number = random.randrange(len(lines))
    place = random.randrange(len(lines) + 1)
    return "".join([*lines[:place], lines[number], *lines[place:]])


def trapped_value(random: Random, text: str) -> str:
    """A value replaced by what two versions of YAML, or Python and people, read differently."""
    lines = text.splitlines()
    keyed = [number for number, line in enumerate(lines) if ": " in line and "{" not in line]
    number = random.choice(keyed)
    lines[number] = f"{lines[number].split(': ')[0]}: {random.choice(TRAPS)}"
    return "\n".join(lines)


def trapped_number(random: Random, text: str) -> str:
    """Digits anywhere replaced by a trap."""
    places = [number for number, letter in enumerate(text) if letter.isdigit()]
    place = random.choice(places)
    return text[:place] + random.choice(TRAPS) + text[place + 1 :]


def changed_letters(random: Random, text: str) -> str:
    letters = list(text)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(letters))
        letters[place] = random.choice([*":-[]{}#&*!|>'\"%@`,?\t\n \x00\x07\x85\u2028\ufeff09", "", letters[place] * 2])
    return "".join(letters)


def shorter(random: Random, text: str) -> str:
    return text[: random.randrange(len(text))]


def nested(random: Random, text: str) -> str:
    """Much inside each other, and aliases that repeat each other."""
    depth = random.choice([3, 17, 1000, 20_000])
    bomb = "\n".join(
        ["a: &a [1, 1, 1, 1]", *(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]" for a, b in pairwise("abcdefghijkl"))]
    )
    odd = [f"x: {'[' * depth}{']' * depth}", f"x: {'{a: ' * depth}1{'}' * depth}", "x: " + "- " * depth, bomb]
    return random.choice([text, ""]) + random.choice([*odd, "a: &a {b: *a}", "x: " + "y" * 300_000, "[" * depth])


def as_json(random: Random, text: str) -> str:
    content = json.dumps(yaml.safe_load(text), indent=random.choice([None, 1, "\t"]))
    change = random.choice([lambda t: t, changed_letters_of(random), lambda t: t.replace('"run"', '"body": 1, "run"'),
                            lambda t: t.replace("0.4", "NaN"), lambda t: t.replace("474", "1e999")])  # fmt: skip
    return change(content)


def changed_letters_of(random: Random) -> Callable[[str], str]:
    return lambda text: changed_letters(random, text)


def several_documents(random: Random, text: str) -> str:
    return random.choice(
        [f"{text}---\n{text}", f"---\n{text}...\n", f"%YAML 1.1\n---\n{text}", f"{text}...\nx", "", "# x"]
    )


def merged(random: Random, text: str) -> str:
    section = random.choice(["suppression:\n  <<: *s\n", "suppression: *s\nx:\n"])
    return "shared: &s {iou_threshold: 0.9}\n" + text.replace("suppression:\n", section)


def unchanged(random: Random, text: str) -> str:
    """Sound settings, with comments, blanks and other ends of lines."""
    lines = [line + random.choice(["", "   ", "  # yes: 010"]) for line in text.splitlines()]
    return random.choice(["\n", "\r\n"]).join(lines)


CHANGES = (program, repeated_line, trapped_value, trapped_number, changed_letters, shorter, nested, as_json,
           several_documents, merged, unchanged, unchanged, unchanged, unchanged)  # fmt: skip
ENCODINGS = ("utf-8",) * 12 + ("utf-16", "utf-8-sig", "latin-1")


def write_settings(random: Random, folder: Path) -> Path:
    """Write settings with a fault or two, or none, into a folder; CANARY is a file there that code would make."""
    weights, path = folder / "weights.pt", folder / random.choice(["settings.yaml", "config.yml", "settings.json"])
    weights.touch()
    text = PLAIN.replace("WEIGHTS", str(weights))
    text = random.choice(CHANGES)(random, text)
    if text and random.random() < 0.2:
        text = random.choice([changed_letters, shorter])(random, text)
    text = text.replace("CANARY", str(folder / "CANARY"))
    path.write_bytes(text.encode(random.choice(ENCODINGS), "replace"))
    return path


def core_reading(text: str) -> Any:
    """What YAML 1.2 makes of a text, by its specification (https://yaml.org/spec/1.2.2/#103-core-schema)."""
    try:
        return json.loads(text)
    except ValueError:
        return _core_value(yaml.compose(text, yaml.SafeLoader))


def _core_value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        pairs = [(_core_value(key), _core_value(value)) for key, value in node.value]
        assert len(dict(pairs)) == len(pairs), "a key stands twice"
        return dict(pairs)
    if isinstance(node, yaml.SequenceNode):
        return [_core_value(item) for item in node.value]
    return node.value if node.style else _core_scalar(node.value)


def _core_scalar(text: str) -> Any:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    for pattern, read in CORE_NUMBERS.items():
        if re.fullmatch(pattern, text, re.ASCII):
            return read(text)
    return text


CORE_NUMBERS: dict[str, Callable[[str], Any]] = {
    r"[-+]?\d+": int,
    r"0o[0-7]+": lambda text: int(text, 8),
    r"0x[0-9a-fA-F]+": lambda text: int(text, 16),
    r"(\.\d+|[-+]?\d+\.\d*)(e[-+]\d+)?|[-+]?\.?inf": lambda text: float(text.replace(".inf", "inf")),
}
"""Exponents without a dot or a sign, and a sign before a dot, are left out: they stay text, of which a key that wants a
number makes one."""


def check(random: Random, folder: Path) -> str:
    """Settings are refused in one line, or mean what YAML 1.2 and the workflow's parser read; no code is run."""
    path = write_settings(random, folder)
    try:
        settings = check_settings_file(path)
    except OrbitileError as error:
        assert str(error).startswith(f"{path}: ") and str(error).isprintable() and len(str(error)) < 4000, str(error)
        settings = None
    check_override(random)
    assert not list(folder.rglob("CANARY*")) and not Path("CANARY").exists(), "code was run"
    if settings is None:
        return "refused"
    assert settings == Settings.model_validate(core_reading(path.read_text(encoding="utf-8")))
    assert settings == Settings.model_validate(load_configfile(str(path)))
    return "accepted"


def check_override(random: Random) -> None:
    """Settings of the command line are refused in one line, or accepted."""
    override = f"{random.choice(['run', 'scales', 'suppression'])}={random.choice(TRAPS)}"
    try:
        check_overrides([override])
    except OrbitileError as error:
        assert str(error).startswith("--config: ") and str(error).isprintable(), str(error)
