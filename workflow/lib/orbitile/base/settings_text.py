"""The text of settings files: data alone, which YAML 1.1 and YAML 1.2 read alike.

What runs the workflow reads settings with a parser of YAML 1.1, for which 010 is 8, 1:30 is 90, of two equal keys the
last counts, and __use_yte__ runs code. The values that it hands on show none of that, so the text is checked itself.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.messages import shortened

TEXT_LIMIT = 256 * 1024
"""Characters of a settings file; the template with all its comments has 12,000."""
DEPTH_LIMIT = 16
"""Sections and lists inside each other; the settings need 4."""
VALUE_LIMIT = 20_000
"""Keys and values, those that aliases repeat included."""
NUMBER_LENGTH = 50
"""Characters of a number."""
CODE_KEY = "__use_yte__"
"""The key that turns a settings file into a program."""

CORE_SCHEMA = {
    "null": re.compile(r"null|Null|NULL|~|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}
"""What a plain scalar means in YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema); anything else is text."""
OCTAL = re.compile(r"[-+]?0[0-9]+")
"""Integers that YAML 1.1 reads as octal, or as text."""


@dataclass
class _Collection:
    """A section or a list whose end has not come yet; `keys` maps the keys of a section to their lines."""

    is_section: bool
    anchor: str | None
    first_value: int
    keys: dict[str, int] = field(default_factory=dict)
    awaits_key: bool = True


def check_settings_files(paths: Iterable[str | Path]) -> None:
    """OrbitileError with file and line where a settings file is not data that has one meaning only."""
    for path in paths:
        text = _read_text(Path(path))
        try:
            if not _is_checked_json(text):
                _TextCheck(is_file=True).check(text)
        except OrbitileError as error:
            raise OrbitileError(f"{path}: {error}") from error


def read_settings_file(path: Path) -> dict:
    """The content of a settings file, JSON or YAML; OrbitileError as of check_settings_files."""
    check_settings_files([path])
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def check_overrides(overrides: Sequence[str]) -> None:
    """OrbitileError where settings of the command line ("key=value") are named twice, or have more than one meaning."""
    names = [override.split("=", 1)[0] for override in overrides]
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise OrbitileError(f"--config: {twice} is set twice; leave one of them out")
    for override in overrides:
        name, _, text = override.partition("=")
        try:
            _TextCheck(is_file=False).check(text)
        except OrbitileError as error:
            raise OrbitileError(f"--config: {name}: {str(error).removeprefix('line 1: ')}") from error


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise OrbitileError(f"{path}: no settings file there")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(TEXT_LIMIT + 1)
    except UnicodeDecodeError as error:
        raise OrbitileError(
            f"{path}: not text in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise OrbitileError(f"{path}: cannot be read ({first_line(error)})") from error
    if len(text) > TEXT_LIMIT:
        raise OrbitileError(f"{path}: longer than {TEXT_LIMIT} characters, which no settings need")
    return text


def _is_checked_json(text: str) -> bool:
    """Tell whether a text is JSON, whose numbers are plain; OrbitileError for JSON with a key twice or no numbers."""
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _distinct(text, pairs), parse_constant=_no_number)
    except RecursionError as error:
        raise OrbitileError(f"more than {DEPTH_LIMIT} sections or lists inside each other") from error
    except ValueError:
        return False
    if not isinstance(content, dict):
        raise OrbitileError("settings are a section of keys and values")
    return True


def _distinct(text: str, pairs: list[tuple[str, object]]) -> dict:
    section: dict[str, object] = {}
    for key, value in pairs:
        if key in section:
            lines = [number for number, line in enumerate(text.splitlines(), 1) if json.dumps(key) in line]
            raise OrbitileError(f"the key {shortened(key)} stands twice in one section, see lines "
                                f"{', '.join(map(str, lines[:8]))}; leave one of them out")  # fmt: skip
        section[key] = value
    return section


def _no_number(text: str) -> float:
    raise OrbitileError(f"{text} given; allowed are finite numbers")


class _TextCheck:
    """One walk over the events of a YAML text, which builds nothing and so cannot be made to build much."""

    def __init__(self, is_file: bool) -> None:
        self._is_file = is_file
        self._open: list[_Collection] = []
        self._values = 0
        self._anchored: dict[str, int] = {}
        self._documents = 0

    def check(self, text: str) -> None:
        """OrbitileError with line and way out; a text of the command line that is no YAML is taken as it is."""
        try:
            for event in yaml.parse(text, Loader=yaml.SafeLoader):
                self._take(event)
            if self._is_file and not self._values:
                raise OrbitileError("no settings in it; they are lines of the form key: value")
        except yaml.MarkedYAMLError as error:
            if self._is_file:
                raise OrbitileError(_explain(error)) from error
        except yaml.YAMLError as error:
            if self._is_file:
                raise OrbitileError(f"not YAML ({shortened(' '.join(str(error).split()), 120)})") from error

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._begin_document(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(self._open.pop())
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event)

    def _begin_document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _fault(event, "a second document begins here; settings are one document, take out the ---")

    def _take_node(self, event: yaml.NodeEvent) -> None:
        self._check_place(event)
        if isinstance(event, yaml.AliasEvent):
            self._count(event, self._size_of(event))
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _fault(event, f"the tag {shortened(tag)} is not read in settings; take it out, and put quotes "
                                "around what is meant as text")  # fmt: skip
        if isinstance(event, yaml.ScalarEvent):
            _check_scalar(event)
            self._anchored |= {event.anchor: 1} if event.anchor else {}
        else:
            self._open.append(_Collection(isinstance(event, yaml.MappingStartEvent), event.anchor, self._values))
        self._count(event, 1)

    def _check_place(self, event: yaml.NodeEvent) -> None:
        """Keys are plain, and none stands twice; the settings themselves are a section."""
        parent = self._open[-1] if self._open else None
        if parent is None and self._is_file and not isinstance(event, yaml.MappingStartEvent):
            raise _fault(event, "settings are lines of the form key: value")
        if parent is None or not parent.is_section:
            return
        if parent.awaits_key:
            self._check_key(parent, event)
        parent.awaits_key = not parent.awaits_key

    def _check_key(self, section: _Collection, event: yaml.NodeEvent) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise _fault(event, "a key that is no plain word or number")
        key = _comparable(event.value)
        if event.value == CODE_KEY and len(self._open) == 1:
            raise _fault(event, f"{CODE_KEY} makes a program of a settings file; settings are data, take that key out")
        if key in section.keys:
            raise _fault(event, f"the key {shortened(event.value)} stands in line {section.keys[key]} already; "
                                "leave one of them out")  # fmt: skip
        section.keys[key] = _line(event)

    def _end(self, collection: _Collection) -> None:
        if collection.anchor:
            self._anchored[collection.anchor] = self._values - collection.first_value

    def _size_of(self, event: yaml.AliasEvent) -> int:
        """The number of values that an alias stands for."""
        if event.anchor not in self._anchored:
            raise _fault(event, f"*{shortened(event.anchor)} stands for nothing that is complete before it")
        return self._anchored[event.anchor]

    def _count(self, event: yaml.Event, values: int) -> None:
        self._values += values
        if self._values > VALUE_LIMIT:
            raise _fault(event, f"more than {VALUE_LIMIT} keys and values, those of aliases included")
        if len(self._open) > DEPTH_LIMIT:
            raise _fault(event, f"more than {DEPTH_LIMIT} sections or lists inside each other")


def _check_scalar(event: yaml.ScalarEvent) -> None:
    """OrbitileError where YAML 1.1 and 1.2 read a scalar differently, but for numbers that one of them takes as text.

    Where a number is due, 1e3 is 1000 in both: the settings' types make a number of such a text.
    """
    text = event.value
    if not event.implicit[0]:
        return
    kind, older_kind = _kind_in_core_schema(text), _kind_in_older_yaml(text)
    if len(text) > NUMBER_LENGTH and {kind, older_kind} & {"int", "float"}:
        raise _fault(event, f"a number of {len(text)} characters; at most {NUMBER_LENGTH} are allowed")
    if OCTAL.fullmatch(text) or (kind != older_kind and (older_kind, kind) != ("str", "float")):
        raise _fault(event, f"{shortened(text)} is {_older_meaning(text, older_kind)} in YAML 1.1 and "
                            f"{_meaning(text, kind)} in YAML 1.2; {_way_out(text, older_kind, kind)}")  # fmt: skip


def _comparable(key: str) -> str:
    """A key as it is compared: 1, 1.0 and "1" are one number."""
    kind = _kind_in_core_schema(key)
    return repr(float(key)) if kind in ("int", "float") and key.isascii() and key[1:2] not in ("o", "x") else key


def _kind_in_core_schema(text: str) -> str:
    return next((kind for kind, pattern in CORE_SCHEMA.items() if pattern.fullmatch(text)), "str")


def _kind_in_older_yaml(text: str) -> str:
    tag = _OLDER.resolve(yaml.ScalarNode, text, (True, False))
    return tag.removeprefix("tag:yaml.org,2002:")


_OLDER = yaml.resolver.Resolver()


def _meaning(text: str, kind: str) -> str:
    """What YAML 1.2 makes of a scalar."""
    if kind == "int":
        return str(int(text, 0) if text[1:2] in ("o", "x") else int(text))
    return "a number" if kind == "float" else "text"


def _older_meaning(text: str, kind: str) -> str:
    """What YAML 1.1 makes of a scalar."""
    if kind in ("int", "float", "bool"):
        return str(yaml.safe_load(text)).lower()
    return dict(timestamp="a date", merge="a merged section", value="a default").get(kind, "text")


def _way_out(text: str, older_kind: str, kind: str) -> str:
    if older_kind == "merge":
        return "write the keys of the section out"
    if older_kind == "bool":
        return f'write true or false, or "{text}" if text is meant'
    if {older_kind, kind} & {"int", "float"}:
        return f'write a decimal number without leading zeros, _ or :, or "{shortened(text)}" if text is meant'
    return f'write "{shortened(text)}"'


def _explain(error: yaml.MarkedYAMLError) -> str:
    """A fault of the syntax in one line."""
    mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
    place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    way_out = "indent with spaces" if "'\\t'" in str(problem) else "see the indentation, and quotes around odd texts"
    return f"{place}{shortened(problem, 120)}; {way_out}"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _fault(event: yaml.Event, text: str) -> OrbitileError:
    return OrbitileError(f"line {_line(event)}: {text}")
