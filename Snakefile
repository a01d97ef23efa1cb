import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, f"{workflow.basedir}/workflow/lib")

from orbitile.base.errors import OrbitileError
from orbitile.base.names import NAME_PATTERN
from orbitile.jobs.driver import hold_driver_lock
from orbitile.pipeline import CHAIN_RESULTS, CHAINS, SEGMENTATION, code_version
from orbitile.planning.plan import current_plan
from orbitile.settings import check_settings, required_setting
from orbitile.tables.plan import read_plan

# Settings given with --configfile stand alone; only without one does the default apply.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


# The plan is made or checked where the graph is built; jobs, each of which parses this file
# again, take it as it is.
try:
    settings = check_settings(config, workflow.configfiles)
    RESULTS = f"results/{settings.run}"
    PLAN = f"{RESULTS}/plan.parquet"
    if workflow.is_main_process:
        plan = current_plan(settings, Path(PLAN))
        if plan.warning:
            logger.warning(plan.warning)
    else:
        plan = read_plan(Path(PLAN))
except OrbitileError as error:
    raise WorkflowError(str(error)) from None

# For jobs; as a parameter it would make them run again.
config["allow_failures"] = settings.allow_failures


onstart:
    if set(workflow.dag_settings.targets) != {"failures"}:
        hold_driver_lock(RESULTS)


wildcard_constraints:
    group=NAME_PATTERN.strip("^$"),
    scene=NAME_PATTERN.strip("^$"),


include: "workflow/rules/common.smk"
include: "workflow/rules/isis.smk"
include: "workflow/rules/scenes.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/failures.smk"
include: "workflow/rules/report.smk"


if settings.chain == SEGMENTATION:

    include: "workflow/rules/mapping.smk"

    RESULT = [*rules.assemble_map.output, *rules.overview_map.output]
    COMPARED = rules.evaluate_map.output
    PICTURE = rules.annotate_map.output

else:

    include: "workflow/rules/detection.smk"
    include: "workflow/rules/catalogue.smk"
    include: "workflow/rules/evaluation.smk"

    RESULT = [*rules.catalogue.output, *rules.overview.output]
    COMPARED = rules.evaluate.output
    PICTURE = rules.annotate.output


localrules:
    all,
    annotated,
    failures,
    report,


rule all:
    default_target: True
    input:
        RESULT,
        COMPARED if settings.evaluation.truth else [],
        # Every group's table of every stage is named, so that a deleted one is noticed.
        expand(
            f"{RESULTS}/{{folder}}/{{group}}.parquet",
            folder=CHAINS[settings.chain].values(),
            group=plan.groups,
        ),
    message:
        "the whole run, and a picture of it"


rule annotated:
    input:
        expand(PICTURE, scene=plan.names),
    message:
        "a picture of every scene"
