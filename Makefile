# `make run` starts the portal, `make test` runs the tests, `make check` runs all that CI runs.
# They need Python 3.11 to 3.13 with pip, make and git, and fetch the rest into this folder.

PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never

IN_VENV := .venv/bin/python -m
# One process more than cores, because many tests wait for others.
PROCESSES := $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$(( cores < 8 ? cores + 1 : 8 )))
TESTS := $(IN_VENV) pytest --numprocesses $(PROCESSES)
# Every process imports every file it is given, with all that the file compares with.
BOTH_ENGINES = $$(grep --recursive --files-with-matches --include='test_*.py' both_engines tests)
SPARK := pyspark==4.1.1
DEBIAN_PACKAGES := chromium poppler-utils libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    qpdf softhsm2 openssl libnss3-tools default-jre-headless libjaxb-java

.PHONY: help run test test-engines check format benchmark benchmark-measures benchmark-cards benchmark-monitoring cards-validation lock debian-packages

help:
	@sed -n '1,2s/^# //p' Makefile

run:
	@$(PYTHON) .ci/prepare run
	@exec .venv/bin/python manage.py up

# Byte code of tests is kept, whatever the machine is set to: rewriting their assertions takes each process 6 seconds.
test: export PYTHONDONTWRITEBYTECODE :=
test: debian-packages
	@$(PYTHON) .ci/prepare dev
	@$(TESTS) --validation=docs/validation.md
	@.venv/bin/python tests/postgresql.py -- $(TESTS) -m both_engines $(BOTH_ENGINES)

# Spark stays out of the environment of everything else: it is larger than all of that together.
test-engines: DEBIAN_PACKAGES := default-jre-headless
test-engines: debian-packages
	@$(PYTHON) .ci/prepare dev
	@test -d .tools/$(SPARK) || { rm -rf .tools/spark-incomplete && \
	    .tools/bin/uv pip install --quiet --target .tools/spark-incomplete $(SPARK) && mv .tools/spark-incomplete .tools/$(SPARK); }
	@PYTHONPATH=.tools/$(SPARK) .venv/bin/python tests/postgresql.py -- $(IN_VENV) pytest -n 0 -m engines tests/engines

check:
	@$(PYTHON) .ci/prepare dev
	$(IN_VENV) ruff format --check
	$(IN_VENV) ruff check
	$(IN_VENV) mypy .
	.venv/bin/lint-imports
	@var=$$(mktemp -d) && export PORTAL_VAR="$$var" DATABASE_URL= && \
	    .venv/bin/python manage.py migrate --verbosity 0 && .venv/bin/python manage.py check --database default; \
	    code=$$?; rm -rf "$$var"; exit $$code
	.venv/bin/python manage.py makemigrations --check --dry-run
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-engines

format:
	@$(PYTHON) .ci/prepare dev
	@$(IN_VENV) ruff format
	@$(IN_VENV) ruff check --fix

benchmark-measures:
	@$(PYTHON) .ci/prepare dev
	@$(IN_VENV) benchmarks.measures

benchmark:
	@$(PYTHON) .ci/prepare dev
	@$(IN_VENV) benchmarks.signing_and_ledger

benchmark-cards: debian-packages
	@$(PYTHON) .ci/prepare dev
	@$(IN_VENV) benchmarks.cards

benchmark-monitoring:
	@$(PYTHON) .ci/prepare dev
	@$(IN_VENV) benchmarks.monitoring

# Lets other people's validators judge a card of each kind, and writes down what they say.
cards-validation: debian-packages
	@$(PYTHON) .ci/prepare dev
	@CARDS_VALIDATION=docs/cards-validation.md $(IN_VENV) pytest -q -n 0 tests/modelcards/test_validators.py

lock:
	@$(PYTHON) .ci/prepare dev
	@.tools/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml -o requirements.lock
	@.tools/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --group dev pyproject.toml -o requirements-dev.lock

# The browser and PDF tests use Debian's own programs.
debian-packages:
	@missing=""; \
	for package in $(DEBIAN_PACKAGES); do \
	    dpkg-query --show --showformat='$${Status}' "$$package" 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    { apt-get update && apt-get install --yes --no-install-recommends $$missing; } >/dev/null 2>&1 && exit 0; \
	fi; \
	echo "Some tests need these Debian packages, which could not be installed from here:$$missing"
