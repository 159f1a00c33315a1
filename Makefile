# Every target makes the virtual environment it needs, on first use, and runs in it.
# PYTHON is the interpreter that new environments are made with.
PYTHON ?= python3
VENV := .venv
OLDEST := .venv-oldest
# Kernels that check every index, and kernels under GCC's sanitizers.
DEBUG := .venv-debug
SANITIZE := .venv-sanitize
# Packages to which there are bridges: make test-torch, and so on. Each has an environment
# of its own; one build of the package serves them all.
BRIDGES := torch jax boosting
WHEEL := .wheel

# The package is installed as a user would, so that tests meet what is shipped;
# directories are listed because a file that was deleted changes only them.
SOURCES := setup.py pyproject.toml MANIFEST.in README.md LICENSE \
	$(shell find sksoft -type d ! -name __pycache__) \
	$(shell find sksoft -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi')
PIP_INSTALL = bin/python -m pip install --disable-pip-version-check --quiet

# What `make demo` runs, in this order.
EXAMPLES := operators/plot_soft_sort_and_rank robust/plot_robust_regression preprocessing/plot_grid_search_strength

# pip must not run twice at once in one environment.
.NOTPARALLEL:
.PHONY: test-random-versions fuzz sanitize debug-kernels docs-test demo test test-oldest $(BRIDGES:%=test-%) lint docs bench dist clean

demo: $(VENV)/.package $(VENV)/.group-examples
	$(VENV)/bin/python tools/run_examples.py $(EXAMPLES:%=examples/%.py)

test: $(VENV)/.package $(VENV)/.group-test $(VENV)/.group-test-optional
	$(VENV)/bin/pytest

# The suite once more with the oldest versions that the package supports.
test-oldest: $(OLDEST)/.package
	$(OLDEST)/bin/pytest

# And with versions between the oldest and the newest that are drawn: SEED=N draws those of
# another run again, as long as nothing new is published. All of the suite, outside CI.
RANDOM_VERSIONS := .venv-random

test-random-versions: $(WHEEL)/.made $(VENV)/.group-test
	$(VENV)/bin/python tools/random_versions.py --folder $(RANDOM_VERSIONS) \
		$(if $(SEED),--seed $(SEED)) $(WHEEL)/sksoft-*.whl

# On Linux, PyPI's PyTorch is the large one for GPUs. Where a smaller one for the CPU is
# at hand, pip prefers it; PyTorch's own index has it: set PIP_EXTRA_INDEX_URL.
BRIDGE_TESTS = tests/bridges/test_$*.py docs/recipes/$*.rst

ifndef VERSIONS
$(BRIDGES:%=test-%): test-%: .venv-%/.package
	.venv-$*/bin/pytest $(BRIDGE_TESTS)
else
# make test-jax VERSIONS="jax==0.5.0 jaxlib==0.5.0": others than those that pyproject.toml
# pins, the oldest that it allows for instance.
$(BRIDGES:%=test-%): test-%: .venv-%-other/.made $(WHEEL)/.made
	.venv-$*-other/$(PIP_INSTALL) --group test-bridge $(VERSIONS)
	.venv-$*-other/$(PIP_INSTALL) --force-reinstall --no-deps $(WHEEL)/sksoft-*.whl
	.venv-$*-other/bin/pytest $(BRIDGE_TESTS)
endif

# make fuzz FUZZ_SECONDS=600 SEED=0; the short form of these three is make fuzz SHORT=1.
SHORT ?=
FUZZ_SECONDS ?= $(if $(SHORT),20,120)
FUZZ = tools/fuzz.py --seconds $(FUZZ_SECONDS) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.package $(VENV)/.group-test
	$(VENV)/bin/python $(FUZZ)

# The kernels with address and undefined-behaviour sanitizers: their tests, and random
# calls. The sanitizers stop the process at the first finding.
KERNEL_TESTS := $(if $(SHORT),,test_sorting* test_permutahedron* test_pairwise* \
	test_sparse_topk* test_line_transport* test_transport* test_statistics* \
	test_neighbors_kernels* test_isotonic*) test_ranges* test_weight_gradients*
SANITIZED = ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)"

sanitize: $(SANITIZE)/.package
	$(SANITIZED) $(SANITIZE)/bin/pytest -q -p no:cacheprovider \
		$(wildcard $(KERNEL_TESTS:%=tests/%.py))
	$(SANITIZED) $(SANITIZE)/bin/python $(FUZZ) --oracle-cases 0

# The suite with kernels that check every index; in short, what calls all of them.
debug-kernels: $(DEBUG)/.package
	$(DEBUG)/bin/pytest -q -p no:cacheprovider \
		$(if $(SHORT),tests/test_ranges.py tests/test_weight_gradients.py \
		tests/test_fuzz.py tests/test_neighbors_kernels.py)

lint: $(VENV)/.package $(VENV)/.group-lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/cython-lint sksoft
	cd tests/typing && $(CURDIR)/$(VENV)/bin/mypy --config-file= --strict script.py
	$(VENV)/bin/basedpyright --pythonpath $(VENV)/bin/python

docs: $(VENV)/.package $(VENV)/.group-docs
	$(VENV)/bin/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "The pages are in docs/_build/html/index.html"

# Open the built pages in a browser: Debian's chromium and chromium-driver.
docs-test: $(VENV)/.group-docs-test
	$(VENV)/bin/pytest docs/tests

bench: $(VENV)/.package $(VENV)/.group-bench
	$(VENV)/bin/python benchmarks/peers.py

# Build sdist and wheel into dist/, look into them, and try the wheel without a compiler.
dist: $(VENV)/.group-dist
	$(VENV)/bin/python tools/check_dist.py

clean:
	rm -rf $(VENV) $(OLDEST) $(RANDOM_VERSIONS) $(DEBUG) $(SANITIZE) $(WHEEL)
	rm -rf $(BRIDGES:%=.venv-%) $(BRIDGES:%=.venv-%-other)
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated examples/output
	rm -f docs/sg_execution_times.rst
	find sksoft \( -name '*.c' -o -name '*.so' -o -name '*.pyd' \) -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made $(OLDEST)/.made $(DEBUG)/.made $(SANITIZE)/.made \
		$(BRIDGES:%=.venv-%/.made) $(BRIDGES:%=.venv-%-other/.made):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(@D)
	cd $(@D) && $(PIP_INSTALL) --upgrade "pip>=25.1"
	touch $@

# A dependency group of pyproject.toml.
$(VENV)/.group-%: pyproject.toml | $(VENV)/.made
	$(VENV)/$(PIP_INSTALL) --group $*
	touch $@

$(VENV)/.package: $(SOURCES) | $(VENV)/.made
	rm -rf build
	$(VENV)/$(PIP_INSTALL) .
	touch $@

$(OLDEST)/.package: $(SOURCES) tools/oldest.txt | $(OLDEST)/.made
	rm -rf build
	$(OLDEST)/$(PIP_INSTALL) --constraint tools/oldest.txt --group test \
		--only-binary numpy,scipy,scikit-learn,pandas .
	touch $@

$(DEBUG)/.package: export SKSOFT_DEBUG_CYTHON = 1
$(SANITIZE)/.package: export SKSOFT_SANITIZE = 1
$(DEBUG)/.package $(SANITIZE)/.package: %/.package: $(SOURCES) | %/.made
	rm -rf build
	$*/$(PIP_INSTALL) --group test .
	touch $@

$(WHEEL)/.made: $(SOURCES) | $(VENV)/.made
	rm -rf build $(WHEEL)
	$(VENV)/bin/python -m pip wheel --disable-pip-version-check --quiet --no-deps \
		--wheel-dir $(WHEEL) .
	touch $@

$(BRIDGES:%=.venv-%/.package): .venv-%/.package: $(WHEEL)/.made | .venv-%/.made
	.venv-$*/$(PIP_INSTALL) --group test-$*
	.venv-$*/$(PIP_INSTALL) --force-reinstall --no-deps $(WHEEL)/sksoft-*.whl
	touch $@
