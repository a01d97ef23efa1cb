"""A rule whose result changes for the same input has a higher `code_version` (see tests/golden.py)."""

from copy import deepcopy

import golden
import pytest

from orbitile.pipeline import RULES, code_version


@pytest.fixture(scope="module", params=golden.RUNS)
def run(request, tmp_path_factory):
    """A small run: its name, and the folder of its results."""
    return request.param, golden.make_run(request.param, tmp_path_factory.mktemp(request.param))


def test_results_change_with_their_versions(run):
    name, results = run
    kept = golden.read_golden()[name]
    faults = [
        golden.fault(rule, code_version(rule), golden.rule_figures(results, rule), kept[rule])
        for rule in golden.RUNS[name]
    ]
    assert [fault for fault in faults if fault] == []


def test_every_rule_has_a_golden_result_or_a_reason():
    rules = {rule for names in golden.RUNS.values() for rule in names}
    assert rules | golden.BY_HAND == set(RULES)
    assert rules & golden.BY_HAND == set()


@pytest.fixture
def kept():
    return golden.read_golden()["detection"]["suppress"]


def test_a_result_that_changes_alone_is_a_fault(kept):
    figures = deepcopy(kept["figures"])
    name = next(name for name in figures if name.endswith("score"))
    figures[name][1] *= 1.01
    assert "raise it in pipeline.py" in golden.fault("suppress", kept["version"], figures, kept)
    figures[name] = kept["figures"][name][:]
    figures[name][0] += 1
    assert name in golden.fault("suppress", kept["version"], figures, kept)


def test_a_version_that_rises_wants_new_golden_results(kept):
    assert "run make golden" in golden.fault("suppress", kept["version"] + 1, kept["figures"], kept)


def test_what_differs_between_processors_is_no_change(kept):
    numbers = {name: values for name, values in kept["figures"].items() if len(values) > 2}
    figures = {name: [count, mean * (1 + 1e-6), std] for name, (count, mean, std) in numbers.items()}
    assert golden.fault("suppress", kept["version"], kept["figures"] | figures, kept) is None


def test_golden_results_are_only_renewed_with_a_new_version(tmp_path, monkeypatch):
    before = {rule: dict(version=code_version(rule), figures={}) for rule in golden.RUNS["segmentation"]}
    before["stitch"]["version"] = 0
    monkeypatch.setattr(golden, "rule_figures", lambda results, rule: {"new": [1.0]})
    after = golden.renewed(before, "segmentation", tmp_path)
    assert after["stitch"] == dict(version=code_version("stitch"), figures={"new": [1.0]})
    assert after["outline"] == before["outline"]
