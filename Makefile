# The short names of what one does here. Everything runs in .venv, made from envs/requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
RUN ?= demo
# Of the image: cpu or cuda.
export VARIANT ?= cpu

.PHONY: demo demo-fractures demo-raw new open status failures stale report clear-stale test test-cluster test-container
.PHONY: test-clients test-demos test-hostile check format golden columns schema docs lock setup clean
.PHONY: evaluate-models recipe craterstats
.PHONY: container container-archive bench-suppression bench-engine bench-reading bench-bytes bench-laptop bench-map bench-tiles
.PHONY: bench-cuts bench-projections bench-opposite-sun bench-vectorise bench-projection bench-world bench-density bench-page
.PHONY: bench-peaks bench-files

demo: setup
	snakemake --profile profiles/local --configfile demo/demo.yaml --quiet host reason -- all annotated
	@$(BIN)/python demo/summary.py

# Maps made-up fractures in real lunar terrain.
demo-fractures: setup
	snakemake --profile profiles/local --configfile demo/fractures/fractures.yaml --quiet host reason -- all annotated
	@$(BIN)/python demo/fractures/summary.py

# Takes a raw image of Mars through the whole workflow.
demo-raw: setup
	snakemake --profile profiles/local --configfile demo/raw/raw.yaml --quiet host reason -- all annotated
	@$(BIN)/python demo/raw/summary.py

# Writes checked settings for scenes of your own, config/RUN.yaml: SCENES is a folder of images, a scene table or STAC items
# (docs/scenes.md), BODY may be left out where the images' maps name it; NEW holds further options, such as
# NEW="--truth craters.csv".
new: setup
	@test "$(origin RUN)" != file || { echo "make new: name the run, such as make new RUN=mars SCENES=images"; exit 1; }
	@test -n "$(SCENES)" || { echo "make new: name the scenes, such as make new RUN=$(RUN) SCENES=images"; exit 1; }
	@python -m orbitile new "$(RUN)" --scenes "$(SCENES)" $(if $(BODY),--body "$(BODY)") $(NEW)

# About the run RUN, at any time, from any machine that sees its folder.
status failures stale report open: setup
	@python -m orbitile $@ "results/$(RUN)"

clear-stale: setup
	@python -m orbitile clear "results/$(RUN)"

# Each test has a process of its own: threads of BLAS beside it only wait for each other, for ten times the time.
test test-hostile test-clients test-demos test-cluster test-container: export OMP_NUM_THREADS = 1

test: setup
	pytest -n auto --dist loadfile tests/unit tests/workflow

# Bad input of all kinds, power cuts and kills, and a campaign of INPUTS inputs made at random, each in a watched process.
INPUTS ?= 5000
test-hostile: setup
	pytest -n auto --dist loadfile tests/hostile
	python tests/hostile/campaign.py --inputs $(INPUTS)

# Opens results in the programs that users open them in, which it installs as Debian packages. Needs root. The first
# time takes 4 minutes more, and 2 GB in /var/cache for a newer QGIS.
test-clients: setup
	pytest tests/clients

# The pages of the three demos as they are in Chromium, at two widths: `make test-clients` takes cuts of them.
test-demos: setup
	ORBITILE_TEST_DEMOS=whole pytest tests/clients/test_demo_pages.py

# How good networks are on images that none has seen: DATA is the folder of the data, MODELS weights or names of the zoo,
# EVALUATE further options such as EVALUATE="--sets ctx nac --changes"; models/evaluate.py says more.
evaluate-models: setup
	@python models/evaluate.py "$(DATA)" $(MODELS) $(EVALUATE)

# Trains the network of a folder in recipes/ and judges it: NAME is the folder, DATA that of the data, RECIPE further options
# such as RECIPE="--variants --seeds 0 1 2"; recipes/README.md says more.
recipe: setup
	@python recipes/run.py "$(DATA)" "$(NAME)" $(RECIPE)

# Craterstats, for the target `date`, in an environment of its own: .craterstats. PYTHON_3_12 names the Python that it needs.
craterstats: .craterstats/current

.craterstats/current: envs/craterstats.lock
	@sh envs/craterstats.sh $(PYTHON_3_12)

# Takes the new results of the rules whose code_version has risen; see tests/golden.py.
golden: setup
	@PYTHONPATH=workflow/lib:tests python tests/golden.py

# Writes docs/columns.md from the schemas of all tables.
columns: setup
	@PYTHONPATH=workflow/lib:tests python tests/columns_page.py

# Writes workflow/schemas/config.schema.json, by which editors check settings files, from the settings' models.
schema: setup
	@PYTHONPATH=workflow/lib:tests python tests/settings_schema.py

# On a real Slurm, which it starts on this machine and stops again. Needs root. Most of it is waiting for Slurm to
# notice something, so that several such clusters run side by side.
test-cluster: setup
	pytest -n 3 --dist loadgroup tests/cluster

# The environment as an image for podman or docker, and as a file for Apptainer; envs/README.md says more.
container:
	@sh envs/container.sh build

container-archive: container
	@sh envs/container.sh save "orbitile-$(VARIANT).tar"

# Runs the demo in the image and in .venv, and compares.
test-container: setup
	pytest tests/container

check: setup
	ruff format --check .
	ruff check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

format: setup
	ruff format .
	ruff check --fix .
	snakefmt Snakefile workflow

setup: .venv/current

# `current` holds the hash of the lock file it was made from; a touched lock costs nothing.
.venv/current: envs/requirements.lock
	@sh envs/setup.sh $(PYTHON)

# The locks hold versions and hashes, no addresses. Needs uv (pip install uv).
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header --quiet
lock:
	$(LOCK) envs/requirements.in -o envs/requirements.lock
	$(LOCK) --no-deps benchmarks/requirements.in -o benchmarks/requirements.lock
	$(subst 3.11,3.12,$(LOCK)) envs/craterstats.in -o envs/craterstats.lock
	$(LOCK) envs/docs.in -o envs/docs.lock

# Suppression beside other programs; BENCH holds options, such as BENCH=--largest. benchmarks/README.md says more.
bench-suppression: setup benchmarks/.peers/current
	@python benchmarks/suppression.py $(BENCH)

# The engine beside other programs, and on a GPU with BENCH=--gpu; BENCH=--quick to see whether it works. With
# BENCH="--cache FOLDER" rasters are kept for the next time.
bench-engine: setup benchmarks/.peers/current
	@python benchmarks/engine.py $(BENCH)

# From images to a vector file, beside other programs; BENCH="--side 0" for the demo alone.
bench-files: setup benchmarks/.peers/current
	@python benchmarks/files_to_vector.py $(BENCH)

# Where the time of a small run goes; BENCH="--side 0" for the demo alone.
bench-laptop: setup
	@python benchmarks/laptop.py $(BENCH)

# Reading of tiles, from rasters of several layouts.
bench-reading: setup
	@python benchmarks/reading.py $(BENCH)

# Bytes that stages read and write, with images used where they lie and copied.
bench-bytes: setup
	@python benchmarks/bytes.py $(BENCH)

# Disk and memory that runs take, beside what their plans foretold.
bench-peaks: setup
	@python benchmarks/peaks.py $(BENCH)

# Polygons and centre lines of masks, beside GDAL's polygonizer; BENCH=--quick to see whether it works.
bench-vectorise: setup
	@python benchmarks/vectorise.py $(BENCH)

# A strip of an LRO NAC onto a map, beside GDAL's ways; BENCH=--quick to see whether it works.
bench-projection: setup
	@python benchmarks/projection.py $(BENCH)

# The other programs, in a folder of their own: .venv stays as it is locked.
benchmarks/.peers/current: benchmarks/requirements.lock | setup
	rm -rf benchmarks/.peers
	python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r benchmarks/requirements.lock --target benchmarks/.peers
	touch $@

# A scene of 60,000 x 60,000 px on its way through the whole chain.
bench-map: setup
	@python benchmarks/large_map.py $(BENCH)

# A made-up world, from its detections to its catalogue; BENCH=--quick to see whether it works, BENCH=--largest for 9 x
# 10^7 survivors. With BENCH="--folder FOLDER" the worlds are kept for the next time.
bench-world: setup
	@python benchmarks/world.py $(BENCH)

# A map of densities of craters, for catalogues of several sizes.
bench-density: setup
	@python benchmarks/density.py $(BENCH)

# How much maps change with the size and the place of tiles, and at coarser scales.
bench-tiles: setup
	@python benchmarks/exactness/tiles.py $(BENCH)

# The page of a run with many made-up rows, in Chromium. Needs root, as `make test-clients`.
bench-page: setup
	@python benchmarks/page.py $(BENCH)

# How exact catalogues are, on real images of the Moon. BENCH is a folder for scenes and results, a temporary one by
# default; MOSAIC the global mosaic, MOON a folder of two images under opposite sun. benchmarks/README.md says more.
bench-cuts: setup
	@python benchmarks/exactness/cuts.py $(BENCH)

bench-projections: setup
	@python benchmarks/exactness/projections.py "$(MOSAIC)" $(BENCH)

bench-opposite-sun: setup
	@python benchmarks/exactness/opposite_sun.py "$(MOON)" $(BENCH)

# The documentation as a site, .site/html: open .site/html/index.html in a browser. A dead link is an error.
docs: .site/current
	@python docs/site.py .site/pages
	@NO_MKDOCS_2_WARNING=1 .site/venv/bin/mkdocs build --strict --quiet
	@echo .site/html/index.html

.site/current: envs/docs.lock | setup
	@rm -rf .site/venv && python -m venv .site/venv
	@.site/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r envs/docs.lock
	@touch $@

clean:
	rm -rf results .snakemake
