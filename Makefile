# The short names of what one does here. Everything runs in .venv, made from envs/requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test check format lock setup clean

demo: setup
	snakemake --profile profiles/local --quiet host reason -- all annotated
	@$(BIN)/python demo/summary.py

test: setup
	pytest -n auto --dist loadfile

check: setup
	ruff format --check .
	ruff check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: setup
	ruff format .
	ruff check --fix .
	snakefmt Snakefile workflow/rules

setup: .venv/current

# `current` holds the hash of the lock file it was made from; a touched lock costs nothing.
.venv/current: envs/requirements.lock
	@sh envs/setup.sh $(PYTHON)

# The lock holds versions and hashes, no addresses. Needs uv (pip install uv).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --quiet envs/requirements.in -o envs/requirements.lock

clean:
	rm -rf results .snakemake
