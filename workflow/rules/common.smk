import math
import time
from itertools import chain

from orbitile.base.manifests import withdraw_manifest
from orbitile.base.versions import FileVersions

USER_FILES = FileVersions()


def is_run():
    """Whether this call runs jobs, and does not only print what failed."""
    return set(workflow.dag_settings.targets) != {"failures"}


def files_of_user(results):
    """What jobs of this call read that no rule makes, and that makes them run again when it changes."""
    jobs = workflow.dag.needrun_jobs()
    files = {file for job in jobs for file in job.input if not file.startswith(results)}
    return {str(file) for file in files if "ancient" not in file.flags}


def end_of_run(results):
    """What the run came to. Imported here: the graph is built without it."""
    from orbitile.jobs.end import end_text

    return end_text(Path(results))


def report_of_failed_run(results):
    """Write the report although the run failed, and say where it is; never an error."""
    from orbitile.stages.report import report_of_any_run

    return report_of_any_run(Path(results))


def user_files(*paths):
    """A user's files with their versions, as a parameter: Snakemake does not see what lies beside a file, such as
    the parts of a shapefile, and a time in the future would be newer than all that is made.
    """
    return {str(path): USER_FILES(path) for path in paths if path}


def checked_manifest(path):
    """The path of a manifest, which is withdrawn where a file that it names is gone: its result is made again."""
    if workflow.is_main_process and (missing := withdraw_manifest(Path(path))):
        logger.warning(f"{missing} is gone; the result is made again")
    return path


def lists_of_pictures(wildcards):
    """The lists of the pictures of all groups' scenes."""
    return [checked_manifest(path) for path in expand(PICTURES, group=plan.groups)]


def tables_of(stage, groups):
    """The paths of a stage's tables of groups; `expand` takes eighty times as long."""
    return [f"{RESULTS}/{stage}/{group}.parquet" for group in groups]


def all_tables(stage):
    """The tables of a stage in all groups, which a rule of the whole run reads; as a function, they are listed only
    where the rule has a job.
    """
    return lambda wildcards: tables_of(stage, plan.groups)


def results_beside(target):
    """What the other targets of this call make: a function for the input of a target that shows it."""

    def files_of(name):
        if not workflow.is_rule(name):
            return [name]
        made_by = workflow.get_rule(name)
        return [*made_by.output] or [*made_by.input]

    def files(wildcards):
        others = sorted({*workflow.dag_settings.targets} - {target})
        results = chain.from_iterable(map(files_of, others))
        lists = (file(wildcards) if callable(file) else [file] for file in results)
        return [*chain.from_iterable(lists)]

    return files


def masks_in(folder):
    """The masks in a folder, each a file that a job reads; none where a path is none or that of a file."""
    if folder is None or not Path(folder).is_dir():
        return []
    from orbitile.tables.image_folders import masks_of_folder

    return masks_of_folder(Path(folder)).values()


def vector_truth(wildcards):
    """The file of true lines and polygons; a folder of masks ends the call before anything runs."""
    truth = required_setting("evaluation.truth", settings.evaluation.truth)
    if truth.is_dir():
        raise OrbitileError(
            f"evaluation.truth: {truth} is a folder of masks, which serves `evaluate_map` alone; give a vector file of "
            "true lines or polygons to calibrate by"
        )
    return truth


def scene_origins():
    """What the scene table says of scenes for training, place and split, where it does."""
    from orbitile.tables.scenes import read_scene_origins

    origins = read_scene_origins(settings.scenes)
    return {scene: tuple(cells) for scene, cells in origins.items() if any(cells)}


def unmapped_scenes():
    """How many scenes lie in pixel coordinates, all at one place; 0 where the run has a map."""
    return len(plan.names) if settings.pixel_coordinates else 0


def plain_errors(function):
    """A function of a rule whose OrbitileError ends the call in one line; Snakemake would print a traceback of it."""

    def values(wildcards):
        try:
            return function(wildcards)
        except OrbitileError as error:
            logger.error(f"WorkflowError: {error}")
            raise SystemExit(1) from None

    return values


def on_map_for(target, path, most_unmapped=0):
    """The path of an input whose rows have places on the body, as a function that ends the call where they have none.

    So nothing runs for a target that could not be made in the end. A target may show up to `most_unmapped` scenes in
    pixel coordinates.
    """

    def mapped_path(wildcards):
        if unmapped_scenes() > most_unmapped:
            raise OrbitileError(
                f"{target}: images in pixel coordinates all lie at one place, not on {settings.body}, "
                "so that there is no map of them; look at `annotated` instead, or give images with a map"
            )
        return path

    return plain_errors(mapped_path)


def needed_files(key, files):
    """The files that a setting names, as an input whose time does not count; where it names none, a target that needs
    them ends the call.
    """
    return ancient(plain_errors(lambda wildcards: required_setting(key, files)))


def growing(base, per_gigapixel=0):
    """What a job asks for grows with the pixels of its group, or of the run, and with the attempt."""

    def needs(wildcards, attempt):
        return math.ceil(
            attempt * (base + per_gigapixel * plan.gigapixels(wildcards.get("group")))
        )

    return needs


def lender_tables(stage):
    """The tables of a stage in the groups whose scenes lend pixels to those of a group."""

    return lambda wildcards: tables_of(stage, plan.group(wildcards.group).lenders)


def has_craterstats():
    """Whether there is a program to date with, so that ages are computed once there is."""
    folders = Path.cwd(), PROJECT
    return any((folder / settings.dating.program).is_file() for folder in folders)
