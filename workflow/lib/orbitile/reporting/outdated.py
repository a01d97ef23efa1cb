"""Whether what a run holds beside its result is of the result as it is now: by times of change, as in Snakemake."""

from html import escape
from pathlib import Path

from orbitile.base.files import is_older
from orbitile.pipeline import RULES
from orbitile.reporting.markup import element


def outdated_note(results: Path, rule: str, source: str) -> list[str]:
    """A note to be shown in place of what a rule made of an earlier `source` (a path in `results`); else nothing."""
    target = RULES[rule].target or ""
    if not is_older(results / target, results / source):
        return []
    text = f"{target} is older than {source}: it is of an earlier one, and not shown. Run the target {rule} again."
    return [element("p", escape(text), class_="note")]
