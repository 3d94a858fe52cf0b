# SPDX-License-Identifier: Apache-2.0
# `make help` lists what there is. Nothing is altered beyond this checkout: .venv and .cache hold all of it.
VENV ?= .venv
SECONDS ?= 60
PYTEST = $(VENV)/bin/python -m pytest
# A test's own tier counts, where its module has another.
UNIT = unit and not (kernel or lab or long)
# A test waits for about half of its time; with more workers, tests of time limits wait for a core.
WORKERS = $(shell expr 1 + $$(nproc))
# The files that have tests of the other tiers: each worker would import all others in vain.
LIVE = $(if $(findstring tests/,$(ARGS)),,$(shell grep -rlE 'mark\.(kernel|lab)\b' tests --include='test_*.py' | sort))

# Each of some hundred processes would compile the sources for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test unit long lint bench docs site first-hour dashboards-preview constraints dist programs helm clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

demo: $(VENV)/.lab programs ## two applications on a small 5G path, metered (SECONDS=60 SCENARIO=factory JSON=result.json ROOTLESS=1 KEEP=1)
	@$(VENV)/bin/python -m joulepath_lab --seconds $(SECONDS) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(JSON),--json $(abspath $(JSON))) $(if $(ROOTLESS),--rootless) $(if $(KEEP),--keep)

test: $(VENV)/.test programs ## all tests but the long ones
	$(PYTEST) -n $(WORKERS) -m "$(UNIT)" $(ARGS)
	$(PYTEST) -n 4 --dist loadfile -m "not long and (kernel or lab)" $(ARGS) $(LIVE)

unit: $(VENV)/.test ## the tests that need no privileges and no servers
	$(PYTEST) -n $(WORKERS) -m "$(UNIT)" $(ARGS)

long: $(VENV)/.test programs ## fuzzing, soak, full grids
	$(PYTEST) -m long $(ARGS)

lint: $(VENV)/.lint $(VENV)/.test ## format, lint, types, known holes of what is pinned
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	sh -c '$(VENV)/bin/clang-format --dry-run --Werror exporters/joulepath/*/bpf/*.[ch] lab/joulepath_lab/devices/gpu_libraries/*.[ch]'
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m scripts.audit

bench: $(VENV)/.test programs ## the benchmarks' tables
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(VENV)/bin/python -m benchmarks.$$(basename $$file .py); done

docs: $(VENV)/.test ## the generated pages, dashboards and schema
	$(VENV)/bin/python -m scripts.generate
	$(VENV)/bin/python -m scripts.devices
	$(VENV)/bin/python -m scripts.cores
	$(VENV)/bin/python -m scripts.licences

site: $(VENV)/.docs ## the pages as a site in .cache/site; a dead link or anchor is an error
	$(VENV)/bin/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . .cache/site

dashboards-preview: $(VENV)/.test ## draws the dashboards without Grafana, as HTML and PNG in .cache/preview (PROMETHEUS=URL PAGES="path health" RANGE=1h INTERVAL=15s ARGS=)
	@$(VENV)/bin/python -m joulepath_dashboards.preview -o .cache/preview --prometheus $(or $(PROMETHEUS),http://127.0.0.1:9090) $(if $(RANGE),--range $(RANGE)) $(if $(INTERVAL),--interval $(INTERVAL)) $(ARGS) $(PAGES)

first-hour: $(VENV)/.test programs ## follows README and docs/guides/bare-metal.md to the letter in a fresh clone, with stand-ins for the devices
	@$(VENV)/bin/python -m scripts.first_hour

constraints: $(VENV)/.test ## constraints.txt: versions and hashes for a reproducible installation
	$(VENV)/bin/python -m scripts.constraints

dist: $(VENV)/.dist ## wheel, sources and Debian packages for this machine in dist; the latter need debhelper
	rm -rf dist
	$(VENV)/bin/python -m hatchling build -d dist
	$(VENV)/bin/python -m scripts.deb dist/*.whl dist

programs: $(VENV)/.lab ## Prometheus and Alertmanager, where they are not installed
	@$(VENV)/bin/python -m joulepath_lab.run.programs

helm: $(VENV)/.test ## Helm for the tests of the chart, where it is not installed (x86_64)
	@$(VENV)/bin/python -m scripts.helm

clean: ## removes .venv and .cache
	rm -rf $(VENV) .cache

$(VENV)/.lab $(VENV)/.docs $(VENV)/.dist $(VENV)/.test $(VENV)/.lint: $(VENV)/.%: pyproject.toml
	@scripts/venv $(VENV) $*
