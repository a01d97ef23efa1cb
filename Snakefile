import itertools
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, f"{workflow.basedir}/workflow/lib")

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.manifests import withdraw_manifest
from orbitile.base.names import NAME_PATTERN
from orbitile.base.settings_text import CODE_KEY, check_overrides, check_settings_files
from orbitile.jobs.call import call_of, keep_call, keep_settings
from orbitile.jobs.driver import begin_run, check_bookkeeping
from orbitile.pipeline import CHAIN_RESULTS, CHAINS, RULES, SEGMENTATION, code_version
from orbitile.planning.plan import current_plan
from orbitile.settings import check_settings, required_setting
from orbitile.tables.plan import read_plan, refused_plan

# Settings given with --configfile stand alone; only without one does the default apply. Their text
# is checked before Snakemake reads it, where profiles/default has not been switched off.
if workflow.is_main_process:
    try:
        check_settings_files(workflow.overwrite_configfiles or ["config/config.yaml"])
        check_overrides(workflow.config_settings.config_args or ())
    except OrbitileError as error:
        ran = CODE_KEY in str(error) and workflow.overwrite_configfiles
        raise WorkflowError(
            f"{error}{'; Snakemake has read it before, so the code in it has run' if ran else ''}"
        ) from None

if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


# The plan is made or checked where the graph is built; jobs, each of which parses this file
# again, take it as it is.
try:
    settings = check_settings(config, workflow.configfiles)
    RESULTS = f"results/{settings.run}"
    PLAN = f"{RESULTS}/plan.parquet"
    if workflow.is_main_process:
        check_bookkeeping(Path(".snakemake"))
        try:
            plan = current_plan(settings, Path(PLAN))
        except OrbitileError:
            # `make failures` prints it of a run that has no plan, too. Targets are not known yet; those that are not
            # behind "--" stand at the beginning.
            words = sys.argv[1:]
            targets = itertools.takewhile(lambda word: word[:1] != "-", words)
            if refused_plan(Path(PLAN)).is_file():
                keep_call(Path(RESULTS), call_of(words, list(targets), workflow.rundir))
            raise
        if plan.warning:
            logger.warning(plan.warning)
    else:
        plan = read_plan(Path(PLAN))
except (OrbitileError, OSError) as error:
    raise WorkflowError(reason_of(error)) from None

# For jobs; as a parameter it would make them run again.
config["allow_failures"] = settings.allow_failures


onstart:
    if is_run():
        try:
            call = call_of(
                sys.argv[1:], workflow.dag_settings.targets, workflow.rundir
            )
            begin_run(RESULTS, call, files_of_user(RESULTS))
            keep_settings(
                RESULTS,
                settings.model_dump(mode="json", exclude_unset=True),
                settings.model_dump(mode="json"),
            )
        except (OrbitileError, OSError) as error:
            raise WorkflowError(reason_of(error)) from None


onsuccess:
    if is_run():
        logger.info(end_of_run(RESULTS))


onerror:
    if is_run():
        logger.error(end_of_run(RESULTS))
        if "report" in workflow.dag_settings.targets:
            logger.error(report_of_failed_run(RESULTS))


# A result is many files, of which Snakemake knows the manifest alone. Where another one is gone, the
# manifest is withdrawn, so that the result is made again.
MANIFEST = f"{RESULTS}/{CHAIN_RESULTS[settings.chain].manifest}"
COMPLETENESS = f"{RESULTS}/{RULES['completeness'].target}"
COUNTS = f"{RESULTS}/{RULES['count'].target}"
AGES = f"{RESULTS}/{RULES['date'].target}"
MANIFESTS = MANIFEST, COMPLETENESS, COUNTS, AGES
for manifest in MANIFESTS if workflow.is_main_process else ():
    if missing_file := withdraw_manifest(Path(manifest)):
        logger.warning(f"{missing_file} is gone; the result is made again")


wildcard_constraints:
    group=NAME_PATTERN.strip("^$"),
    scene=NAME_PATTERN.strip("^$"),


include: "workflow/rules/common.smk"
include: "workflow/rules/isis.smk"
include: "workflow/rules/scenes.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/failures.smk"


if settings.chain == SEGMENTATION:

    include: "workflow/rules/mapping.smk"

    RESULT = [*rules.assemble_map.output, *rules.overview_map.output]
    COMPARED = rules.evaluate_map.output
    PICTURE = rules.annotate_map.output

else:

    include: "workflow/rules/detection.smk"
    include: "workflow/rules/catalogue.smk"
    include: "workflow/rules/evaluation.smk"
    include: "workflow/rules/counting.smk"
    include: "workflow/rules/shapes.smk"
    include: "workflow/rules/density.smk"
    include: "workflow/rules/dating.smk"

    RESULT = [
        *rules.catalogue.output,
        *rules.completeness.output,
        *rules.overview.output,
    ]
    COMPARED = rules.evaluate.output
    PICTURE = rules.annotate.output


include: "workflow/rules/gis.smk"
include: "workflow/rules/report.smk"


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
        CLASSIFIED if settings.chain == SEGMENTATION else [],
    message:
        "the whole run, and a picture of it"


rule annotated:
    input:
        expand(PICTURE, scene=plan.names),
    message:
        "a picture of every scene"
