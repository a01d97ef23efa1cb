"""The colours of rules and of states of jobs, the same in all pictures of the report, and the order of rules."""

from orbitile.jobs.records import DONE, FAILED, LOST, RUNNING, STOPPED
from orbitile.pipeline import RULES

INCOMPLETE, NOT_RUN, NO_RECORD = "incomplete", "not run", "no record"
UNFINISHED = [FAILED, STOPPED, LOST]

RULE_COLOURS = dict(
    isis="#6699cc", georeference="#332288", downsample="#88ccee", tile="#44aa99", infer="#cc6677",
    untile="#117733", suppress="#ddcc77", stitch="#117733", classify="#661100", outline="#aa4499",
    catalogue="#882255", completeness="#aa7755", overview="#999933", evaluate="#777777", calibrate="#555599",
    count="#225555", annotate="#bbbbbb", assemble_map="#882255", overview_map="#999933", evaluate_map="#777777",
    shapes="#997700", density="#4488aa", secondaries="#bb7733", calibrate_map="#555599", annotate_map="#bbbbbb",
    date="#663333",
    train_detector="#444444", rasterise_labels="#ee8866", train_segmenter="#444444",
    report="#cccccc", qgis_project="#99bb88", contact_sheets="#aa9977", judging="#77aa99", review="#668855",
    page="#bb99aa",
)  # fmt: skip
"""Paul Tol's "muted" colours, which colour-blind people tell apart, and greys; rules of two chains may share one."""
OTHER_RULE = "#dddddd"

STATE_COLOURS = {
    DONE: "#c9d6df", INCOMPLETE: "#e69f00", FAILED: "#d55e00", STOPPED: "#f0e442", LOST: "#000000",
    RUNNING: "#56b4e9", NOT_RUN: "#ffffff", NO_RECORD: "#eeeeee",
}  # fmt: skip
"""Okabe and Ito's colours for states that need attention, pale ones for all others."""
STATE_MARKS = {INCOMPLETE: "!", FAILED: "\u2715", STOPPED: "\u25a0", LOST: "?", RUNNING: "\u25b6", NO_RECORD: "\u2013"}
"""Signs beside the colours: what nobody tells apart by colour alone."""
STATES = {
    DONE: "done", INCOMPLETE: "done, but a part was left out", FAILED: "failed", STOPPED: "stopped (SIGTERM or Ctrl-C)",
    LOST: "lost (killed before it could write why)", RUNNING: "running when this was written", NOT_RUN: "not run",
    NO_RECORD: "its table exists, but no record",
}  # fmt: skip


def rule_colour(rule: str) -> str:
    """The colour of a rule, the same in all pictures."""
    return RULE_COLOURS.get(rule, OTHER_RULE)


def rule_order(rule: str) -> tuple[int, str]:
    """Sorts rules in the order of a run, unknown ones last."""
    names = list(RULES)
    return (names.index(rule) if rule in names else len(names), rule)
