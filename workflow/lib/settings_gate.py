"""Checks settings files before Snakemake reads them: the profiles import this, which Snakemake reads first.

Snakemake evaluates a settings file that asks for it (`__use_yte__`) as it parses its command line, long before the
Snakefile, which can but say so afterwards.
"""

from pathlib import Path

from snakemake.common import configfile

from orbitile.base.errors import OrbitileError
from orbitile.base.settings_text import check_settings_files

load_unchecked = configfile._load_configfile


def load_checked(source: object, filetype: str = "Config") -> object:
    """Load a settings file; where it is not data that has one meaning only, end with one line that says so."""
    if filetype == "Config" and isinstance(source, str | Path):
        try:
            check_settings_files([source])
        except OrbitileError as error:
            raise SystemExit(str(error)) from None
    return load_unchecked(source, filetype)


configfile._load_configfile = load_checked
