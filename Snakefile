import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, f"{workflow.basedir}/workflow/lib")

from orbitile.errors import OrbitileError
from orbitile.settings import check_settings, needed
from orbitile.stages.plan import current_plan

# Settings given with --configfile stand alone; only without one does the default apply.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


try:
    settings = check_settings(config, workflow.configfiles)
    RESULTS = f"results/{settings.run}"
    plan = current_plan(settings, Path(RESULTS) / "plan.parquet")
except OrbitileError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    group="|".join(map(re.escape, plan.groups)),
    scene="|".join(map(re.escape, plan.names)),


include: "workflow/rules/scenes.smk"
include: "workflow/rules/detection.smk"
include: "workflow/rules/catalogue.smk"
include: "workflow/rules/judgement.smk"
include: "workflow/rules/training.smk"


localrules:
    all,
    annotated,


# Every group's table of every stage is named, so that a deleted one is noticed.
STAGES = "georeferenced scaled tiles raw detections suppressed vectors".split()


rule all:
    default_target: True
    input:
        rules.catalogue.output,
        rules.overview.output,
        rules.evaluate.output if settings.evaluation.truth else [],
        expand(
            f"{RESULTS}/{{stage}}/{{group}}.parquet", stage=STAGES, group=plan.groups
        ),
    message:
        "the catalogue and a picture of it"


rule annotated:
    input:
        expand(rules.annotate.output, scene=plan.names),
    message:
        "a picture of every scene"
