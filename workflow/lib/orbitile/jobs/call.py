"""How a run was called and with which settings, kept in its folder: a command to run jobs again is printed as typed."""

import json
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orbitile.base.files import write_json

CHOICES = {
    "-R", "--forcerun", "-F", "--forceall", "-f", "--force", "-U", "--until", "-O", "--omit-from", "--allowed-rules",
    "-t", "--touch", "-n", "--dry-run", "--dryrun", "--batch",
}  # fmt: skip
"""Options that choose what a call runs; another call chooses for itself."""


@dataclass(frozen=True)
class RunCall:
    """The program, its options without those that choose what to run, and the folder where it was called."""

    program: list[str]
    options: list[str]
    folder: str

    def command(self, *words: str) -> str:
        """The same call with other words at its end, as a line for a shell."""
        is_elsewhere = Path(self.folder).resolve() != Path.cwd()
        enter = f"cd {shlex.quote(self.folder)} && " if is_elsewhere else ""
        return enter + shlex.join([*self.program, *self.options, *words])


UNKNOWN = RunCall(["snakemake"], ["--profile", "PROFILE", "--configfile", "SETTINGS"], ".")
"""Stands for the call of a run that has not kept it."""


def call_of(arguments: Sequence[str], targets: Collection[str], folder: str) -> RunCall:
    """The call of this process, by the words after the program, which request the targets among them."""
    return RunCall(_program(Path(folder)), options_of(arguments, targets), folder)


def keep_call(results: Path, call: RunCall) -> None:
    """Keep how a run was called."""
    write_json(_path(results), asdict(call))


def read_call(results: Path) -> RunCall:
    """How a run was called last; UNKNOWN where it has not kept it."""
    try:
        return RunCall(**json.loads(_path(results).read_text()))
    except (OSError, ValueError, TypeError):
        return UNKNOWN


def has_call(results: Path) -> bool:
    """Whether a run has kept how it was called."""
    return read_call(results) != UNKNOWN


def keep_settings(results: str | Path, stated: Mapping[str, Any], complete: Mapping[str, Any]) -> None:
    """Keep the settings of a run: those that its settings file states, and all of them, as JSON can hold them."""
    write_json(_settings_path(Path(results)), dict(stated=stated, complete=complete))


def freeze_config(results: str | Path, config: Mapping[str, Any]) -> Path:
    """Write a run's settings as its jobs shall read them, whatever becomes of the user's file; returns the path."""
    path = Path(results).absolute() / "jobs" / "config.json"
    write_json(path, config)
    return path


def read_run_settings(results: Path) -> dict[str, dict[str, Any]]:
    """The settings of a run's last call, `stated` and `complete`; both empty where it has not kept them."""
    try:
        settings = json.loads(_settings_path(results).read_text())
        return dict(stated=dict(settings["stated"]), complete=dict(settings["complete"]))
    except (OSError, ValueError, TypeError, KeyError):
        return dict(stated={}, complete={})


def options_of(arguments: Sequence[str], targets: Collection[str]) -> list[str]:
    """The words of a call without its targets and the options that choose what it runs (CHOICES)."""
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    for target in targets:
        if "--" not in arguments and target in words:
            del words[len(words) - 1 - words[::-1].index(target)]
    options, is_choice = [], False
    for word in words:
        if word.startswith("-"):
            is_choice = word.partition("=")[0] in CHOICES
        if not is_choice:
            options.append(word)
    return options


def _program(folder: Path) -> list[str]:
    """Snakemake as this process runs it, by a path (from a folder) that holds without an activated environment."""
    snakemake = Path(sys.executable).with_name("snakemake")
    if not snakemake.is_file():
        return [sys.executable, "-m", "snakemake"]
    return [str(snakemake.relative_to(folder) if snakemake.is_relative_to(folder) else snakemake)]


def _settings_path(results: Path) -> Path:
    return results / "jobs" / "settings.json"


def _path(results: Path) -> Path:
    return results / "jobs" / "call.json"
