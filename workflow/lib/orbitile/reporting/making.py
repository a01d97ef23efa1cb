"""How a run was made: command, settings, weights, versions."""

import json
import platform
from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from orbitile.base.provenance import provenance
from orbitile.jobs.call import UNKNOWN, read_call, read_run_settings
from orbitile.reporting.findings import RunFindings
from orbitile.reporting.markup import described, element, folded, scrollable

PACKAGES = ("snakemake", "numpy", "torch", "rasterio", "pyproj", "shapely", "geopandas", "pyarrow", "matplotlib")


def making_section(findings: RunFindings) -> list[str]:
    """The command of the last call, the weights, the versions and all settings."""
    settings = read_run_settings(findings.results)
    entries = (
        _command(findings.results) | _weights(findings.manifest, settings["complete"]) | _versions(findings.manifest)
    )
    stated = element("pre", escape(_as_text(settings["stated"]))) if settings["stated"] else ""
    return [
        described(entries),
        *([element("h3", "Settings"), scrollable("Settings that the settings file states", stated),
           folded("All settings, with the defaults", element("pre", escape(_as_text(settings["complete"]))))]
          if stated else [element("p", "This run has not kept its settings.", class_="note")]),
        folded("Versions of the packages that wrote this page", described(package_versions())),
    ]  # fmt: skip


def _command(results: Path) -> dict[str, str]:
    call = read_call(results)
    if call == UNKNOWN:
        return {"command": "not kept"}
    return {"command": call.command(), "called in": call.folder}


def _weights(manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, str]:
    """What the result says of its weights or, before there is any, what the settings say."""
    model = settings.get("model") or {}
    name = manifest.get("model") or model.get("name") or model.get("weights")
    sha256 = manifest.get("model_sha256") or model.get("sha256")
    return {"weights": str(name or "not named"), "SHA-256 of the weights": str(sha256 or "unknown")}


def _versions(manifest: Mapping[str, Any]) -> dict[str, str]:
    here = provenance()
    entries = {"this page by": f"Orbitile {here['orbitile_version']}, commit {here['orbitile_commit']}"}
    if "sha256" not in manifest:
        return entries
    made_by = [str(manifest.get(f"orbitile_{name}", "unknown")) for name in ("version", "commit")]
    return {
        "result made by": f"Orbitile {made_by[0]}, commit {made_by[1]}",
        "SHA-256 of the result's rows": str(manifest["sha256"]),
    } | entries


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on, as far as they are installed."""
    versions = {"Python": f"{platform.python_version()} on {platform.platform(terse=True)}"}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _as_text(settings: Mapping[str, Any]) -> str:
    """Settings as indented text in the manner of YAML, which JSON is part of."""
    return "\n".join(f"{name}: {json.dumps(value, indent=2, ensure_ascii=False)}" for name, value in settings.items())
