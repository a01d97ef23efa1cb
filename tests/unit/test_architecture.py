"""The house: no import runs upwards or in a circle, no public name stands twice, names are words of the field."""

import ast
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import orbitile

LIBRARY = Path(orbitile.__file__).parent
TESTS = Path(__file__).parent
ROOMS = (
    "base", "pipeline", "space", "rasters", "tables", "pictures", "georeferencing", "detections", "features",
    "gis", "catalogue", "jobs", "inference", "calibration", "review", "counting", "settings", "planning", "training",
    "reporting", "web", "stages",
)  # fmt: skip
"""The library's rooms from the bottom up; docs/architecture.md draws them."""
FILLERS = {
    "one", "ones", "some", "own", "found", "told", "where", "how", "known", "seen", "whole", "given", "asked", "said",
    "made", "wanted", "kept", "here", "there", "thing", "things", "what", "who", "both", "few", "alike", "beside",
    "taken", "lost", "mine", "theirs", "ours", "odd", "look",
}  # fmt: skip
"""Words that say nothing of what a variable holds."""
CEILING = 0.002
"""Their largest share among variables: that of the codebases we learn from (0 to 0.17 %)."""
MOST_ROOMS = 24
CROSS_ROOM_TESTS = {"benchmarks", "demo", "exactness", "models", "recipes"}
"""Folders of tests that mirror no room: of the project's other programs, and of several rooms at once."""


def parsed(folder=LIBRARY):
    """The library's modules by their dotted names."""
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
        for path in sorted(folder.rglob("*.py"))
    }


MODULES = parsed()


def imports(tree):
    """What a module imports of the library, as dotted names; imports inside functions count as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "orbitile":
            base = node.module.removeprefix("orbitile").lstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}".lstrip(".")
                yield name if name in MODULES else base
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert not alias.name.startswith("orbitile"), "import names from modules: from orbitile.x import y"


def room(module):
    return module.split(".")[0]


def upward(modules):
    """Imports from a room into one that is not below it."""
    order = {name: number for number, name in enumerate(ROOMS)}
    return [
        f"{module} imports {target}"
        for module, tree in modules.items()
        if module not in ("__init__", "__main__", "")
        for target in imports(tree)
        if target and room(target) != room(module) and order[room(target)] > order[room(module)]
    ]


def stages_that_share(modules):
    return [
        f"{module} imports {target}"
        for module, tree in modules.items()
        if room(module) == "stages"
        for target in imports(tree)
        if room(target) == "stages"
    ]


def public_names(tree):
    definitions = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, definitions) and not node.name.startswith("_")]


def doubled(modules):
    places = defaultdict(set)
    for module, tree in modules.items():
        for name in public_names(tree):
            places[name].add(module)
    return {name: sorted(modules) for name, modules in places.items() if len(modules) > 1}


def variables(modules):
    """How often each name is given to a variable or a parameter."""
    counts = Counter()
    for tree in modules.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                counts[node.id] += 1
            elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
                counts[node.arg] += 1
    return counts


def filler_share(modules):
    counts = variables(modules)
    return sum(counts[word] for word in FILLERS) / counts.total()


def test_every_room_is_known():
    rooms = {room(module) for module in MODULES} - {"", "__init__", "__main__"}
    assert rooms == set(ROOMS)
    assert len(rooms) <= MOST_ROOMS


def test_no_import_runs_upwards():
    assert upward(MODULES) == []


def test_no_imports_form_a_circle():
    graph = {module: set(imports(tree)) - {module} for module, tree in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_stage_imports_another():
    assert stages_that_share(MODULES) == []


def test_no_public_name_stands_in_two_modules():
    assert doubled(MODULES) == {}


def test_names_say_what_they_name():
    counts = variables(MODULES)
    worst = {word: counts[word] for word in FILLERS if counts[word]}
    assert filler_share(MODULES) <= CEILING, worst


def test_tests_mirror_the_library():
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")} - {Path()}
    strange = {str(f) for f in folders if not (LIBRARY / f).is_dir() and f.parts[0] not in CROSS_ROOM_TESTS}
    assert strange == set()


def test_the_library_never_mentions_the_workflow_engine():
    texts = {path.name: path.read_text().lower() for path in LIBRARY.rglob("*.py")}
    assert [name for name, text in texts.items() if "import snakemake" in text or "from snakemake" in text] == []


@pytest.mark.parametrize(
    ("module", "code", "check"),
    [
        ("base.files", "from orbitile.stages.tile import tile_scenes", upward),
        ("space.grids", "def late():\n    from orbitile.jobs.job import job", upward),
        ("stages.tile", "from orbitile.stages.infer import infer", stages_that_share),
        ("rasters.read", "class Grid: pass", doubled),
    ],
)
def test_faults_are_noticed(module, code, check):
    assert check(MODULES | {module: ast.parse(code)})


def test_fillers_are_noticed():
    poor = ast.parse("\n".join(["for one in found:\n    some = one"] * 20))
    assert filler_share(MODULES | {"base.poor": poor}) > filler_share(MODULES)
