"""The report's colours and how it writes quantities."""

import math

from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED

INCOMPLETE, NOT_RUN, NO_RECORD = "incomplete", "not run", "no record"
UNFINISHED = [FAILED, STOPPED, LOST]

RULE_COLOURS = dict(
    georeference="#332288", downsample="#88ccee", tile="#44aa99", infer="#cc6677", untile="#117733",
    suppress="#ddcc77", vectorise="#aa4499", stitch="#117733",
    outline="#aa4499", catalogue="#882255", unite="#882255", overview="#999933", evaluate="#777777",
    annotate="#bbbbbb", training_tiles="#ee8866", train="#444444",
)  # fmt: skip
"""In the order of a run. Paul Tol's "muted" colours, which colour-blind people tell apart; greys for the rest."""
OTHER_RULE = "#dddddd"

STATE_COLOURS = {
    DONE: "#c9d6df", INCOMPLETE: "#e69f00", FAILED: "#d55e00", STOPPED: "#f0e442", LOST: "#000000",
    RUNNING: "#56b4e9", NOT_RUN: "#ffffff", NO_RECORD: "#eeeeee",
}  # fmt: skip
"""Okabe and Ito's colours for what needs a look, pale ones for what does not."""
STATES = {
    DONE: "done", INCOMPLETE: "done, but some of it was left out", FAILED: "failed", STOPPED: "told to stop",
    LOST: "lost (killed without a word)", RUNNING: "running when this was written", NOT_RUN: "not run",
    NO_RECORD: "its table is there, but no record",
}  # fmt: skip


def rule_colour(rule: str) -> str:
    """The colour of a rule, the same in all pictures."""
    return RULE_COLOURS.get(rule, OTHER_RULE)


def rule_order(rule: str) -> tuple[int, str]:
    """Sorts rules in the order of a run, unknown ones last."""
    known = list(RULE_COLOURS)
    return (known.index(rule) if rule in known else len(known), rule)


def duration(seconds: float) -> str:
    """Seconds as people say them: 12.3 s, 3 min 20 s, 1 h 02 min, 2 d 3 h."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"


def quantity(value: float, unit: str, unknown: str = "unknown") -> str:
    """A number of at least three digits with its unit: 1,234 MB, 88.2 %, 0.0123 tiles/s."""
    if not math.isfinite(value):
        return unknown
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{decimals}f} {unit}"


def gpu(value: float, unit: str) -> str:
    """A figure of the GPU with its unit, or that there was none."""
    return quantity(value, unit, "no GPU")


def count(number: int, noun: str, plural: str = "") -> str:
    """A number of things: 1 job, 2,000 jobs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
