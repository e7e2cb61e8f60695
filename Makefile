# `make help` lists what there is. Every target sets up .venv by itself.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# the recurrence's kernels, compiled for the tests; again when their source changes
KERNELS := $(VENV)/.kernels
PYTEST  := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal
DEMO   ?= .demo
DATA   ?=
SET    ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test campaign campaign-full check lint types docs reference golden bench clean rehearse-full \
        reproduce-litis reproduce-dcase2016

help:            ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## ?/\t/' | expand -t 22

setup: $(READY) $(KERNELS) ## make .venv with everything pinned in constraints.txt

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try make PYTHON=python3.12"; exit 1; }
	@echo 'Installing asc and about 175 packages into $(VENV), once: 2 to 10 minutes, 2.6 GB with'
	@echo "PyTorch's CPU build; on Linux 7 GB with its CUDA build, which pip takes unless"
	@echo 'PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu is set. What comes, and how far'
	@echo 'each file is, follows.'
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip uninstall -qq --yes --disable-pip-version-check asc-cli # its old name
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on \
	  --constraint constraints.txt --editable '.[dev,docs]'
	@touch $@
	@echo 'Installed: $(BIN)/asc'

demo: $(READY)   ## features, training, scores and a prediction on made-up scenes: about two minutes
	$(BIN)/asc demo --home $(DEMO)

$(KERNELS): $(READY) $(wildcard asc_cli/models/_recurrence/*.py)
	$(BIN)/python -m tests.kernels
	@touch $@

test: $(KERNELS) ## the tests: every module, in at most 3 minutes on two idle cores
	$(PYTEST)

campaign: $(KERNELS) ## the slow tests, long ones by a seeded sample: at most 25 minutes on two cores
	$(PYTEST) -m campaign

campaign-full: $(KERNELS) ## the slow tests, whole
	$(PYTEST) -m campaign --whole

check: lint types docs ## style, types, docs; CI runs check, test and campaign

lint: $(READY)   ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)  ## mypy
	$(BIN)/mypy

docs: $(READY)   ## build the documentation into site/, strictly
	$(BIN)/python docs/generate.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

reference: $(READY) ## write docs/reference/ again from the code
	$(BIN)/python docs/generate.py

golden: $(READY) ## write the golden predictions again: numbers are meant to change
	$(BIN)/python -m tests.golden.make

bench: $(READY)  ## the benchmarks: ratios measured in one run
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

REHEARSE = PYTHONPATH=. $(BIN)/python tests/campaign/rehearsal.py
rehearse-full: $(READY) ## every protocol at its full size with 256 open files: hours, 15 GB
	$(REHEARSE) litis --seconds 1
	$(REHEARSE) tut2016 --seconds 1
	$(REHEARSE) tau2022_mobile --seconds 0.1 --subset 50
	$(REHEARSE) litis --seconds 30 --folds 1-2

# the paper's four LSTMs; DATA=PATH says where the dataset is, SET='training.epochs=1' overrides
LSTMS   = $(1)_lstm $(1)_ta $(1)_sa $(1)_ta_sa
AT      = $(if $(DATA),--data "$(DATA)")
OPTIONS = $(AT) $(foreach key,$(SET),--set $(key))
RUN     = $(BIN)/python -c 'import json, sys; print(json.load(sys.stdin)["run"])'

define reproduce
	$(BIN)/asc datasets check $(2) $(AT)
	@set --; for recipe in $(call LSTMS,$(1)); do echo "== $$recipe"; \
	  output=$$($(BIN)/asc train $$recipe $(OPTIONS) --json) || exit 1; \
	  run=$$(echo "$$output" | $(RUN)) || exit 1; set -- "$$@" "$$run"; done; \
	$(BIN)/asc compare "$$@" --curves reproduced/$(1)-curves.png || exit 1; \
	for recipe in $(call LSTMS,$(1)); do \
	  $(BIN)/asc report "$$1" --bundle reproduced/$$recipe.zip || exit 1; shift; done; \
	echo "asc evaluate scores each .zip again, anywhere: docs/howto/send-results.md"
endef

reproduce-litis: $(READY) ## Table 1 on LITIS Rouen: ours beside the paper's (DATA=PATH)
	$(call reproduce,litis,litis)

reproduce-dcase2016: $(READY) ## Table 1 on TUT 2016: ours beside the paper's (DATA=PATH)
	$(call reproduce,dcase,tut2016)

clean:           ## remove what the targets made
	rm -rf $(VENV) $(DEMO) reproduced site build dist .pytest_cache .mypy_cache .ruff_cache
