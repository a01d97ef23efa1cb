"""What a catalogue of a whole world costs: 15,000 made-up scenes of Mars, from their detections to the catalogue.

    .venv/bin/python benchmarks/world.py [--largest] [--quick] [--sizes 1e5 1e6 ...] [--folder FOLDER] [--limit SECONDS]

A made-up world (made_up_world.py) has the plan of a run and the tables that `untile` writes. Then the workflow's own
stages: `suppress` for every group, `catalogue` for all, first without other formats (the dataset and the proof), then
with all of them; a box is read back; and beside it is done what one would do otherwise (world_rivals.py). Everything
has processes of its own. What would take more time, memory or disk than there is, judged by the size before, is left
out with the reason. Prints tables in Markdown and writes benchmarks/results/world.json, again after every step. With
--folder worlds are kept there, and a world that was made before is not made again.
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import machine
import made_up_world
import pyogrio
import world_rivals
from made_up_world import World

from orbitile.base.files import write_json
from orbitile.tables.plan import FORMAT

HERE = Path(__file__).parent
SIZES, LARGEST, QUICK = [1e5, 1e6, 1e7], 9e7, [1e4]
"""Numbers of survivors."""
BOX, OTHER_BOX = (40.0, 10.0, 45.0, 15.0), (-100.0, -30.0, -95.0, -25.0)
"""West, south, east, north in degrees of what is read back, and of what is read first, so that imports do not count."""
MADE, SUPPRESS, PROOF, FORMATS = "made-up world", "suppress", "catalogue: dataset, proof", "catalogue: all formats"
CONCAT, LAYERS, MERGE = "geopandas concat, to_file", "layers of points", "ogrmerge of layers"
READERS = ["orbitile.catalogue", "GeoPandas", "DuckDB"]
BOXES = [f"box by {reader}" for reader in READERS]
BYTES = {MADE: 240, SUPPRESS: 160, PROOF: 1, FORMATS: 1500, CONCAT: 3000, LAYERS: 250, MERGE: 250}
"""What a step writes per survivor, as far as no smaller world has told."""
SHARE_OF_MEMORY = 0.8
"""Of what is free; a step that is expected to take more is not begun."""
PACKAGES = ["numpy", "pandas", "pyarrow", "geopandas", "pyogrio", "shapely", "duckdb"]


@dataclass(frozen=True)
class GroupScenes:
    """A group of a plan, the numbers of its scenes, and the groups whose detections `suppress` may read."""

    name: str
    scenes: tuple[int, ...]
    rings: tuple[str, ...]


def read_groups(world: World) -> list[GroupScenes]:
    """The groups of a world's plan, sorted by name."""
    from orbitile.tables.plan import read_plan

    plan = read_plan(world.plan_path)
    scenes: dict[str, list[int]] = {}
    for scene, group in sorted(plan.group_of_scene.items()):
        scenes.setdefault(group, []).append(int(scene[1:]))
    rings = world.settings.rings
    return [GroupScenes(name, tuple(scenes[name]), tuple(chain(*plan.rings(name, rings)))) for name in plan.groups]


# Steps, each in a process of its own.


def make(world: World, limit: float) -> machine.Record:
    """Write the plan and every group's detections."""
    _, plan = machine.measured(lambda: made_up_world.write_plan_of(world), limit)
    groups = read_groups(world)
    record = over_groups(lambda group: made_up_world.write_group(world, group.name, list(group.scenes)), groups, limit)
    return record | dict(
        plan_seconds=plan["seconds"], groups=len(groups), written=sizes_of(world.folder / "detections")
    )


def suppress(world: World, limit: float) -> machine.Record:
    """Suppress every group, as the workflow's script does, in as many processes at once as there are cores."""
    from orbitile.detections.nms.settings import NmsSettings
    from orbitile.space.bodies import find_body
    from orbitile.stages.suppress import DetectionTables
    from orbitile.stages.suppress import suppress as suppress_group

    body = find_body(made_up_world.BODY)
    settings = NmsSettings(**world.settings.nms_settings, radius_m=body.radius_m)
    (world.folder / "suppressed").mkdir(exist_ok=True)

    def call(group: GroupScenes) -> None:
        table, *rings = _paths(world, "detections", [group.name, *group.rings])
        out = str(world.table("suppressed", group.name))
        suppress_group(DetectionTables(table, rings), str(world.plan_path), settings, body, out)

    _load_compiled(settings)
    record = over_groups(call, read_groups(world), limit)
    return record | dict(written=sizes_of(world.folder / "suppressed"))


def catalogue(world: World, limit: float, formats: list[str] | None) -> machine.Record:
    """The stage catalogue, as the workflow's script calls it, with all formats (None) or those given."""
    from orbitile.detections.nms.settings import NmsSettings
    from orbitile.features.shapes.detection_shapes import VectorStyle
    from orbitile.space.bodies import find_body
    from orbitile.stages.catalogue import CatalogueInputs
    from orbitile.stages.catalogue import catalogue as write_catalogue

    body, manifest = find_body(made_up_world.BODY), world.folder / "catalogue" / "craters.json"
    settings = NmsSettings(**world.settings.nms_settings, radius_m=body.radius_m)
    vectors = world.settings.vectors.model_dump() | ({} if formats is None else dict(formats=formats))
    style = VectorStyle(**vectors)
    names = [group.name for group in read_groups(world)]
    inputs = CatalogueInputs(*(_paths(world, folder, names) for folder in ("suppressed", "detections")))
    _load_compiled(settings)
    base = machine.memory("VmRSS")
    _, record = machine.measured(
        lambda: write_catalogue(inputs, settings, body, style, world.settings.origin, str(manifest)), limit
    )
    stated = json.loads(manifest.read_text())
    written = sizes_of(manifest.parent) - sizes_of(manifest.parent / "craters")
    said = {name: stated[name] for name in ("rows", "detections", "sha256", "longest_chain")}
    return record | said | dict(base_mb=round(base, 1), out_of_reach=len(stated["out_of_reach"]), written=written)


def concat(world: World, limit: float) -> machine.Record:
    """See world_rivals.concat_polygons."""
    import geopandas  # noqa: F401, for the memory in use before

    out = world.folder / "rival.gpkg"
    rows, record = machine.measured(lambda: world_rivals.concat_polygons(_parts(world), out), limit)
    return record | dict(rows=rows, written=_size_and_removal(out))


def merge(world: World, limit: float) -> machine.Record:
    """See world_rivals.ogrmerge."""
    layers = sorted((world.folder / world_rivals.LAYERS).glob("*.gpkg"))
    out = world.folder / "rival.gpkg"
    record = world_rivals.ogrmerge(layers, out, limit)
    rows = {} if record["seconds"] is None else dict(rows=pyogrio.read_info(out)["features"])
    return record | rows | dict(written=_size_and_removal(out))


def write_layers(world: World, limit: float) -> machine.Record:
    """The GeoPackages of points that `merge` begins with; part of no measurement."""
    shutil.rmtree(world.folder / world_rivals.LAYERS, ignore_errors=True)
    folder = world.folder / world_rivals.LAYERS
    return over_groups(
        lambda group: world_rivals.write_points(world.table("suppressed", group.name), folder / f"{group.name}.gpkg"),
        read_groups(world),
        limit,
    )


def read_box(world: World, limit: float, reader: str) -> machine.Record:
    """Read the craters of a box: rows, seconds, bytes read and their share of the dataset."""
    folder = world.folder / "catalogue"
    read = dict(zip(READERS, (_by_orbitile, _by_geopandas, _by_duckdb), strict=True))[reader]
    try:
        read(folder, OTHER_BOX)
    except ImportError as error:
        return dict(seconds=None, reason=f"{error.name} is not installed")
    before = _bytes_read()
    rows, record = machine.measured(lambda: read(folder, BOX), limit)
    count = _bytes_read() - before
    return record | dict(rows=rows, bytes_read=count, share=count / sizes_of(folder / "craters"))


def _by_orbitile(folder: Path, box: tuple[float, float, float, float]) -> int:
    import orbitile.catalogue

    return len(orbitile.catalogue.open(folder).select(box=box).table())


def _by_geopandas(folder: Path, box: tuple[float, float, float, float]) -> int:
    import geopandas

    return len(geopandas.read_parquet(folder / "craters", bbox=box))


def _by_duckdb(folder: Path, box: tuple[float, float, float, float]) -> int:
    import duckdb

    west, south, east, north = box
    return len(
        duckdb.sql(
            f"SELECT * FROM read_parquet('{folder / 'craters'}/*.parquet') WHERE bbox.xmax >= {west} "
            f"AND bbox.xmin <= {east} AND bbox.ymax >= {south} AND bbox.ymin <= {north}"
        ).to_arrow_table()
    )


STEPS: dict[str, Callable[[World, float], machine.Record]] = {
    MADE: make,
    SUPPRESS: suppress,
    PROOF: partial(catalogue, formats=[]),
    **{step: partial(read_box, reader=reader) for step, reader in zip(BOXES, READERS, strict=True)},
    FORMATS: partial(catalogue, formats=None),
    CONCAT: concat,
    LAYERS: write_layers,
    MERGE: merge,
}
"""In this order; each needs those of NEEDED before it."""
NEEDED = dict.fromkeys(STEPS, PROOF) | {MADE: None, SUPPRESS: MADE, PROOF: SUPPRESS, MERGE: LAYERS}
RIVALS = [CONCAT, MERGE]
"""Those with a limit of time."""
OWN = [MADE, SUPPRESS, PROOF, FORMATS]


def over_groups(call: Callable[[GroupScenes], object], groups: Sequence[GroupScenes], limit: float) -> machine.Record:
    """Call a function for every group, each in a process of its own, as many at once as there are cores.

    Seconds of all, CPU seconds of all processes, and the largest peak of one.
    """
    global _call_of_group
    _call_of_group = call
    base, start = machine.memory("VmRSS"), time.perf_counter()
    with machine.limited(limit), multiprocessing.get_context("fork").Pool(machine.cores(), maxtasksperchild=1) as pool:
        records = list(pool.imap_unordered(_measured_group, groups, chunksize=1))
    return dict(
        seconds=round(time.perf_counter() - start, 3),
        cpu_seconds=round(sum(record["cpu_seconds"] for record in records), 3),
        peak_mb=max(record["peak_mb"] for record in records),
        total_mb=max(record["total_mb"] for record in records),
        base_mb=round(base, 1),
        largest_group_seconds=max(record["seconds"] for record in records),
    )


_call_of_group: Callable[[GroupScenes], object]
"""What forked processes call; functions that are defined in functions cannot be sent to them."""


def _measured_group(group: GroupScenes) -> machine.Record:
    _, record = machine.measured(lambda: _call_of_group(group), 0)
    return record


def _load_compiled(settings: object) -> None:
    """Have the compiled loops ready before processes fork: their loading is part of a job's start, not of its work."""
    from orbitile.detections.nms.catalogue_nms import catalogue_nms
    from orbitile.tables.detections import GEOLOCATED

    row = dict.fromkeys(GEOLOCATED.names, 0.0) | {"scene": "a", "class": "a", "width_m": 1.0, "height_m": 1.0}
    import pandas

    catalogue_nms(pandas.DataFrame([row, row | dict(score=0.5)]), settings)


def _paths(world: World, folder: str, names: Iterable[str]) -> list[str]:
    return [str(world.table(folder, name)) for name in names]


def _parts(world: World) -> list[Path]:
    return sorted((world.folder / "suppressed").glob("*.parquet"))


def sizes_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _size_and_removal(path: Path) -> int:
    """The size of a file, which is not needed any more; 0 where there is none."""
    size = path.stat().st_size if path.is_file() else 0
    path.unlink(missing_ok=True)
    return size


def _bytes_read() -> int:
    """Bytes that this process has asked the system for, from whatever file."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


# What is measured, and what is left out.


def run(step: str, world: World, limit: float) -> machine.Record:
    """A step in a process of its own; what it took, or why there is nothing."""
    seconds = limit if step in RIVALS else 0
    words = [__file__, "--one", step, "--folder", world.folder, "--sizes", world.survivors, "--limit", seconds]
    variables = {"NUMBA_CACHE_DIR": str(world.folder.parent / "numba")}
    # As many processes as cores: each computes with one.
    variables |= {"OMP_NUM_THREADS": "1"} if step in (MADE, SUPPRESS, LAYERS) else {}
    return machine.in_own_process(words, variables, limit)


def why_not(step: str, world: World, records: list[machine.Record], limit: float) -> str | None:
    """The reason to leave a step out, judged by the worlds before and the steps before in this one."""
    needed = [record for record in of_step(NEEDED[step], records) if record["survivors"] == world.survivors]
    if any(record["seconds"] is None for record in needed):
        return f"needs {NEEDED[step]}"
    past = of_step(step, records)
    if step in RIVALS and past and past[-1]["seconds"] is None:
        return f"left out already with {past[-1]['survivors']:.0e}"
    if step == MERGE and (reason := world_rivals.why_no_ogrmerge()):
        return reason
    return _why_no_time(step, past, world, limit) or _why_no_room(step, records, world)


def _why_no_time(step: str, past: list[machine.Record], world: World, limit: float) -> str | None:
    """The limit of time is for what one would do otherwise, the memory there is for everything."""
    done = [record for record in past if record["seconds"] is not None]
    if not done or step in BOXES:
        return None
    factor = world.survivors / done[-1]["survivors"]
    seconds = done[-1]["seconds"] * factor ** min(max(growth(done[-2:], "seconds") or 1, 1), 2)
    if step in RIVALS and seconds > limit:
        return f"would take about {seconds:,.0f} s, more than {limit:g} s"
    gigabytes = done[-1]["peak_mb"] / 1e3 * factor ** min(max(growth(done[-2:], "peak_mb") or 1, 0), 1)
    most = SHARE_OF_MEMORY * machine.available_gb()
    if gigabytes > most:
        return (
            f"would need about {gigabytes:,.0f} GB of memory, more than the {most:.0f} GB it may take of what is free"
        )
    return None


def _why_no_room(step: str, records: list[machine.Record], world: World) -> str | None:
    """A made-up world must leave room for what its first stages write."""
    steps = [MADE, SUPPRESS] if step == MADE else [step] if step in BYTES else []
    needed = sum(bytes_per_survivor(name, records) for name in steps) * world.survivors
    free = shutil.disk_usage(world.folder.parent).free
    if needed > free:
        return f"would need {needed / 1e9:,.0f} GB in {world.folder.parent}, {free / 1e9:,.0f} GB are free"
    return None


def bytes_per_survivor(step: str, records: list[machine.Record]) -> float:
    """What a step writes, from the largest world so far."""
    done = [record for record in of_step(step, records) if record.get("written")]
    return done[-1]["written"] / done[-1]["survivors"] if done else BYTES[step]


def of_step(step: str | None, records: list[machine.Record]) -> list[machine.Record]:
    """The records of a step, from small worlds to large ones."""
    return [record for record in records if record["step"] == step]


def growth(records: list[machine.Record], what: str = "cpu_seconds") -> float | None:
    """By which power of the number of survivors a figure grows from the first to the last record of a step."""
    done = [record for record in records if record["seconds"] is not None]
    if len(done) < 2:
        return None
    first, last = done[0], done[-1]
    return math.log(last[what] / first[what]) / math.log(last["survivors"] / first["survivors"])


def marker(world: World) -> machine.Record:
    """What a made-up world depends on."""
    source = (HERE / "made_up_world.py").read_bytes()
    return dict(survivors=world.survivors, generator=hashlib.sha256(source).hexdigest(), plan_format=FORMAT)


def made_before(world: World) -> machine.Record | None:
    """What it took to make the world that is in the folder; None if there is none, or another."""
    path = world.folder / "made.json"
    made = json.loads(path.read_text()) if path.is_file() else {}
    return made["record"] if made.get("marker") == marker(world) else None


def measure(world: World, records: list[machine.Record], limit: float, save: Callable[[], None]) -> None:
    """All steps on a world, each added to the records."""
    for step in STEPS:
        earlier = made_before(world) if step == MADE else None
        reason = None if earlier else why_not(step, world, records, limit)
        if step == MADE and not earlier:
            shutil.rmtree(world.folder, ignore_errors=True)
        record = earlier or (dict(seconds=None, reason=reason) if reason else run(step, world, limit))
        records.append(dict(step=step, survivors=world.survivors) | record)
        if step == MADE and record["seconds"] is not None:
            write_json(world.folder / "made.json", dict(marker=marker(world), record=record))
        print(f"{time.strftime('%H:%M:%S')} {json.dumps(records[-1])}", file=sys.stderr, flush=True)
        save()
    for folder in ("suppressed", "catalogue", world_rivals.LAYERS):
        shutil.rmtree(world.folder / folder, ignore_errors=True)


# What is printed.


def stage_table(records: list[machine.Record], sizes: list[int]) -> str:
    """A row per step, a column per size: time, CPU, CPU per survivor, memory, bytes written."""
    rows = []
    for step in [*OWN, CONCAT, LAYERS, MERGE]:
        cells = [_cell(record) for record in _by_size(step, records, sizes)]
        powers = [growth(list(pair)) for pair in pairwise(_by_size(step, records, sizes))]
        rows.append([step, *cells, ", ".join("-" if power is None else f"{power:.2f}" for power in powers)])
    return machine.markdown(["", *(f"{size:,} survivors" for size in sizes), "CPU grows as n^"], rows)


def box_table(records: list[machine.Record], sizes: list[int]) -> str:
    """A row per reader: time, rows and the share of the dataset that is read."""
    rows = [[step, *map(_box_cell, _by_size(step, records, sizes))] for step in BOXES]
    return machine.markdown(["", *(f"{size:,} survivors" for size in sizes)], rows)


def _by_size(step: str, records: list[machine.Record], sizes: list[int]) -> list[machine.Record]:
    by_size = {record["survivors"]: record for record in of_step(step, records)}
    return [by_size.get(size, dict(seconds=None, survivors=size)) for size in sizes]


def _cell(record: machine.Record) -> str:
    if record["seconds"] is None:
        return record.get("reason", "-")
    per_row = record["cpu_seconds"] / record["survivors"] * 1e6
    return (
        f"{record['seconds']:,.1f} s, CPU {record['cpu_seconds']:,.1f} s ({per_row:,.1f} us each), "
        f"{record['peak_mb']:,.0f} of {record['total_mb']:,.0f} MB, {record.get('written', 0) / 1e6:,.0f} MB written"
    )


def _box_cell(record: machine.Record) -> str:
    if record["seconds"] is None:
        return record.get("reason", "-")
    return f"{record['seconds']:.3f} s, {record['rows']:,} rows, {100 * record['share']:.2f} % of the bytes"


def forecast(records: list[machine.Record]) -> machine.Record:
    """What 9 x 10^7 survivors need, if all grows linearly from the largest world that was done."""
    needs: machine.Record = {}
    for step in OWN:
        done = [record for record in of_step(step, records) if record["seconds"] is not None]
        if done:
            factor = LARGEST / done[-1]["survivors"]
            needs[step] = dict(
                by=done[-1]["survivors"], cpu_hours=round(done[-1]["cpu_seconds"] * factor / 3600, 2),
                gigabytes=round(done[-1].get("written", 0) * factor / 1e9, 1),
            )  # fmt: skip
    return needs


def bench(sizes: list[int], folder: Path, keep: bool, limit: float, out: Path | None) -> bool:
    """Measure worlds of all sizes, print the tables; tell whether all went well. `keep`: made-up worlds stay."""
    records: list[machine.Record] = []
    about = dict(
        hardware=machine.hardware(), versions=machine.versions(PACKAGES), seed=made_up_world.SEED, limit_seconds=limit,
        scenes=made_up_world.SCENES, scenes_per_group=made_up_world.SCENES_PER_GROUP, box=BOX,
    )  # fmt: skip

    def save() -> None:
        powers = {step: growth(of_step(step, records)) for step in [*OWN, CONCAT, LAYERS, MERGE]}
        if out:
            write_json(out, about | dict(growth=powers, forecast=forecast(records), records=records))

    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        world = World(folder / f"{size:.0e}", size)
        measure(world, records, limit, save)
        if not keep:
            shutil.rmtree(world.folder, ignore_errors=True)
    print(stage_table(records, sizes), box_table(records, sizes), json.dumps(forecast(records)), sep="\n\n")
    return not machine.has_failed(records)


def main() -> int:
    """Measure everything, or one step in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=lambda text: int(float(text)), nargs="+", default=list(map(int, SIZES)))
    parser.add_argument("--largest", action="store_true", help="also 9 x 10^7 survivors, if the disk holds them")
    parser.add_argument("--quick", action="store_true", help="a small world only, and nothing is written")
    parser.add_argument("--limit", type=float, default=600, help="seconds for what one would do otherwise")
    parser.add_argument("--folder", type=Path, help="for the worlds, which are kept there; else a temporary one")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "world.json")
    parser.add_argument("--one", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        machine.goes_first()
        print(json.dumps(STEPS[options.one](World(options.folder, options.sizes[0]), options.limit)))
        return 0
    sizes, out = (list(map(int, QUICK)), None) if options.quick else (sorted(options.sizes), options.out)
    sizes = [*sizes, int(LARGEST)] if options.largest else sizes
    if options.folder:
        return 0 if bench(sizes, options.folder.resolve(), True, options.limit, out) else 1
    with tempfile.TemporaryDirectory(prefix="bench-world-") as temporary:
        return 0 if bench(sizes, Path(temporary), False, options.limit, out) else 1


if __name__ == "__main__":
    sys.exit(main())
