"""The list of rules beside the rules of the workflow itself, as Snakemake parses them, for both chains."""

import gc
import logging
import os
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from orbitile.pipeline import CHAIN_RESULTS, CHAINS, DETECTION, GROUP_RESULTS, RULES, SEGMENTATION, code_version
from orbitile.reporting.colours import RULE_COLOURS

ROOT = Path(__file__).parents[2]
CONFIGS = {DETECTION: ROOT / "demo" / "demo.yaml", SEGMENTATION: ROOT / "demo" / "fractures" / "fractures.yaml"}
TRAINING = {
    DETECTION: dict(training=dict(craters="demo/craters.csv")),
    SEGMENTATION: dict(segmentation_training=dict(labels="demo/fractures/truth_B.gpkg")),
}
NOT_IN_THE_LIST = {"all", "annotated"}
"""Rules without a job: they only collect files."""
NOT_A_RULE = {"plan"}
"""What the Snakefile does itself where the graph is built."""
JOBS = sorted(set(RULES) - NOT_A_RULE)


@pytest.fixture(scope="session")
def workflow(tmp_path_factory):
    """The rules of a chain by name, with the section of its training; for that the demo's scenes are planned."""

    @cache
    def parse(chain):
        folder = tmp_path_factory.mktemp(chain)
        (folder / "demo").symlink_to(ROOT / "demo")
        settings = yaml.safe_load(CONFIGS[chain].read_text()) | TRAINING[chain] | dict(run="r")
        (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
        before, handlers, threshold = Path.cwd(), logging.getLogger().handlers[:], gc.get_threshold()
        frozen = gc.get_freeze_count()
        try:
            with SnakemakeApi(OutputSettings(quiet=None)) as api:
                parsed = api.workflow(
                    resource_settings=ResourceSettings(cores=1),
                    config_settings=ConfigSettings(configfiles=[folder / "settings.yaml"]),
                    snakefile=ROOT / "Snakefile",
                    workdir=folder,
                )._get_workflow()
                parsed.include(str(ROOT / "Snakefile"), overwrite_default_target=True)
                assert gc.get_freeze_count() > frozen, "all that is imported is searched for garbage"
                assert gc.get_threshold()[0] > threshold[0], "the graph is searched for garbage while it grows"
                return {rule.name: rule for rule in parsed.rules}
        finally:
            gc.unfreeze()
            gc.set_threshold(*threshold)
            os.chdir(before)
            logging.getLogger().handlers = handlers

    return parse


@pytest.fixture(scope="session")
def rules(workflow):
    """All rules of both chains by name; that of maps named calibrate only collects what calibrate_map makes."""
    return workflow(SEGMENTATION) | workflow(DETECTION)


def paths(files):
    """Paths of a rule below the run's folder, wildcards without their constraints."""
    return {re.sub(r"\{(\w+),[^}]*\}", r"{\1}", str(path)).removeprefix("results/r/") for path in files}


@cache
def sources():
    """The text of all files of rules."""
    return "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))


def filled(target):
    """A target with the wildcard that its {} stands for."""
    return {target.format("{group}")}


def test_every_rule_is_in_the_list_and_the_other_way_round(rules):
    assert set(rules) - NOT_IN_THE_LIST == set(JOBS)


@pytest.mark.parametrize("chain", [DETECTION, SEGMENTATION])
def test_a_chain_has_the_rules_of_its_groups_and_no_others(workflow, chain):
    other = DETECTION if chain == SEGMENTATION else SEGMENTATION
    assert set(CHAINS[chain]) <= set(workflow(chain))
    assert (set(CHAINS[other]) - set(CHAINS[chain])).isdisjoint(workflow(chain))


@pytest.mark.parametrize("chain", [DETECTION, SEGMENTATION])
def test_a_chain_is_in_the_order_in_which_its_rules_read_each_other(workflow, chain):
    """Each reads the table of one before it."""
    folders = list(CHAINS[chain].values())
    for number, name in enumerate(list(CHAINS[chain])[1:], start=1):
        files = {path for path in map(str, workflow(chain)[name].input) if "<function" not in path}
        assert {path.split("/")[0] for path in paths(files)} & set(folders[:number]), name


@pytest.mark.parametrize("chain", [DETECTION, SEGMENTATION])
def test_the_result_of_a_chain_is_made_by_its_rule(workflow, chain):
    result = CHAIN_RESULTS[chain]
    assert result.manifest in paths(workflow(chain)[result.rule].output)
    made = set().union(*(paths(workflow(chain)[name].output) for name in CHAINS[chain]))
    assert GROUP_RESULTS[chain].format("{group}") in made


@pytest.mark.parametrize("name", [name for name in JOBS if RULES[name].table_folder])
def test_a_table_of_a_group_lies_in_the_rule_s_folder(rules, name):
    outputs = paths(rules[name].output)
    assert f"{RULES[name].table_folder}/{{group}}.parquet" in outputs
    assert {path.rpartition("/")[0] for path in outputs} == {RULES[name].table_folder}


@pytest.mark.parametrize("name", [name for name in JOBS if RULES[name].target])
def test_a_target_is_an_output_and_the_others_lie_beside_it(rules, name):
    outputs = paths(rules[name].output)
    assert outputs & filled(RULES[name].target)
    assert {path.rpartition("/")[0] for path in outputs} == {RULES[name].target.rpartition("/")[0]}


@pytest.mark.parametrize("name", JOBS)
def test_log_benchmark_and_script_bear_the_name_of_the_rule(rules, name):
    rule = rules[name]
    (log,) = paths(rule.log)
    assert re.fullmatch(rf"logs/{name}(/{{group}})?\.log", log)
    if name != "failures":  # it only prints
        assert paths([rule.benchmark]) == {log.replace("logs/", "benchmarks/", 1).replace(".log", ".tsv")}
    assert rule.script == f"../scripts/{name}.py"
    assert (ROOT / "workflow" / "scripts" / f"{name}.py").is_file()


def test_every_script_is_that_of_a_rule(rules):
    scripts = (ROOT / "workflow" / "scripts").glob("*.py")
    assert {path.stem for path in scripts} == {name for name, rule in rules.items() if rule.script}


@pytest.mark.parametrize("name", [name for name in JOBS if RULES[name].work_folder])
def test_pieces_lie_in_the_work_folder(rules, name):
    assert paths([rules[name].params.folder]) == {RULES[name].work_folder}


@pytest.mark.parametrize("name", [name for name in JOBS if RULES[name].chains and not RULES[name].work_folder])
def test_a_rule_without_a_work_folder_makes_no_pieces(rules, name):
    assert "folder" not in rules[name].params.keys()  # noqa: SIM118


@pytest.mark.parametrize("name", JOBS)
def test_a_rule_that_runs_a_job_has_a_colour(name):
    runs_a_job = "orbitile.jobs.job" in (ROOT / "workflow" / "scripts" / f"{name}.py").read_text()
    assert (name in RULE_COLOURS) == runs_a_job


@pytest.mark.parametrize("chain", [DETECTION, SEGMENTATION])
def test_no_two_rules_of_a_run_have_one_colour(workflow, chain):
    of_the_other = {
        DETECTION: {"rasterise_labels", "train_segmenter"},
        SEGMENTATION: {"train_detector", "calibrate"},
    }
    names = set(workflow(chain)) & set(RULE_COLOURS) - of_the_other[chain]
    colours = [RULE_COLOURS[name] for name in names]
    assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("key", ["set-resources", "set-threads"])
@pytest.mark.parametrize("profile", ["local", "slurm", "container"])
def test_profiles_name_rules_that_there_are(profile, key):
    settings = yaml.safe_load((ROOT / "profiles" / profile / "config.yaml").read_text())
    assert set(settings.get(key) or {}) <= set(JOBS)


def test_rules_that_run_networks_get_a_gpu_on_a_cluster():
    settings = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    networks = {"infer", "train_detector", "train_segmenter"}
    assert {name for name, resources in settings["set-resources"].items() if resources.get("gpu")} == networks
    assert set(settings["set-threads"]) == networks


@pytest.mark.parametrize("name", [name for name in JOBS if name != "failures"])  # it only prints
def test_a_rule_runs_again_with_another_version_of_its_code(rules, name):
    assert rules[name].params.code_version == code_version(name)
    assert f'code_version("{name}")' in sources()
