# Everything a change needs. `make help` lists the targets; .ci/run calls test, then check.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
LIB    := python/ruvector/_lib/libruvector.so
TAGS   := cshared,mallocator,arrow_json_stdlib

GO_SOURCES := go.mod go.sum cabi/symbols.map cabi/build.sh cabi/lighten.sh \
  $(shell find simd fault text arrowidx agentclient internal lake cabi ! -name '*_test.go' \
    \( -name '*.go' -o -name '*.s' -o -name '*.c' -o -name '*.h' \))
PY_SOURCES := \
  $(shell find python/ruvector python/ruvector_cli \( -name '*.py' -o -name 'py.typed' \)) \
  $(wildcard python/pyproject.toml python/hatch_build.py python/README.md) LICENSE THIRD_PARTY

.DEFAULT_GOAL := help
.PHONY: help demo test check build wheel venv lint fmt gen fuzz bench peers notebooks docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## ask the standard library six questions, draw the picture
	$(PY) demo/ask.py

test: ## every test that a change must pass
	$(MAKE) --no-print-directory -j 2 go-tests python-tests

.PHONY: go-tests python-tests
python-tests: build # beside the last tests of Go, which leave a core idle
	PYTHONPATH=$(CURDIR)/python $(PY) -m pytest -q -n 2 --dist worksteal \
	  -m "not long" python/tests
go-tests: # beside what pip installs, which the tests of Go do not need
	go test -vet=off -timeout 20m ./... # `make check` vets
	go test -vet=off -timeout 20m -tags $(TAGS) ./cabi/...

check: build $(VENV)/.installed ## what CI adds: emulated CPUs, race, fuzzing, budgets, documents
	bash checks/run

build: $(LIB) ## the shared library, in place
$(LIB): $(GO_SOURCES) | $(VENV)/.ready
	sh cabi/build.sh $@

wheel: dist/.built ## dist/*.whl
dist/.built: $(LIB) $(PY_SOURCES) | $(VENV)/.ready
	rm -rf dist
	RUVECTOR_LIBRARY=$(CURDIR)/$(LIB) $(PY) -m build --wheel --no-isolation --outdir dist python
	touch $@

$(VENV)/.installed: dist/.built
	$(PY) -m pip install --quiet --no-index --no-deps --force-reinstall dist/*.whl
	$(PY) -m pip install --quiet --no-index "$$(ls dist/*.whl)[text,viz]"
	touch $@

venv: $(VENV)/.ready ## .venv, from the lock file
$(VENV)/.ready: $(addprefix python/requirements-,dev.txt lake.txt text.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ruvector needs Python >= 3.11; name one with make PYTHON=python3.11" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --no-deps --require-hashes $(addprefix -r ,$^)
	touch $@

lint: build ## vet, staticcheck, ruff, mypy, pyright
	bash checks/static.sh

fmt: $(VENV)/.ready ## format Go and Python
	gofmt -w simd fault text arrowidx agentclient lake cabi internal
	$(VENV)/bin/ruff check --quiet --fix .
	$(VENV)/bin/ruff format --quiet .

gen: ## write generated files again: assembly, doors, THIRD_PARTY, the Python lock
	bash checks/generate.sh
	go run ./internal/thirdparty
	$(PYTHON) python/lock.py

fuzz: ## every fuzz target, a fixed number of inputs: make fuzz N=20000
	bash checks/fuzz.sh $(N)

bench: $(VENV)/.installed ## ratios on this machine, written to benchmarks/
	$(PY) benchmarks/run.py

peers: dist/.built ## other libraries on the same rows; SHORT=1: minutes; OPERATIONS=1: filters ...
	cd benchmarks && ../$(PY) -m peers$(if $(OPERATIONS),.operations) $(if $(SHORT),--short) \
	  $(if $(RESUME),--resume) $(PEERS_FLAGS)

notebooks: $(VENV)/.installed ## execute every notebook from its source
	$(PY) notebooks/run.py

docs: build ## run every code block of every document
	PYTHONPATH=$(CURDIR)/python $(PY) -m pytest -q python/tests/test_documents.py

clean: ## remove everything that make made
	rm -rf $(VENV) dist build python/ruvector/_lib benchmarks/raw notebooks/*.ipynb demo.png
	rm -f python/LICENSE python/THIRD_PARTY
