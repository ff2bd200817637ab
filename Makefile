# SPDX-License-Identifier: Apache-2.0
# The front door: each target says what it does; CMake does the building. `make help` lists them.
BUILD  ?= build
PREFIX ?= /usr/local
TORCH  ?= 2.11.0
JOBS   ?= $(shell nproc)
CTEST   = ctest --test-dir $(BUILD) --output-on-failure --no-tests=error

.PHONY: help aarch64 build packages configure demo test test-apps test-apps-sample test-long lint format bench bench-paper install python docs clean
.DEFAULT_GOAL := build

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

packages:
	@scripts/install-packages build

configure: packages
	@cmake --preset release -B $(BUILD) -G Ninja --log-level=WARNING >/dev/null

build: configure ## programs in build/bin, libraries in build/lib (installs Debian packages that are missing)
	@cmake --build $(BUILD) -j $(JOBS)

demo: build ## an unmodified PyTorch through rrto on an emulated link: results, latencies, round trips
	@TORCH=$(TORCH) scripts/demo $(BUILD)

test: test-packages build ## the short tier: unit, golden, fuzz corpora, lint and C end-to-end tests
	@$(CTEST) -L short -j $(JOBS)

test-apps: test-packages build ## the medium tier: stock PyTorch programs in every mode
	@PYTHON="$$(TORCH=$(TORCH) scripts/python)" $(CTEST) -L medium

test-apps-sample: test-packages build ## what CI runs of the medium tier
	@PYTHON="$$(TORCH=$(TORCH) scripts/python)" $(CTEST) -L sample

test-long: test-packages build ## the long tier: long fuzzing, torture, sanitizer builds
	@PYTHON="$$(TORCH=$(TORCH) scripts/python)" $(CTEST) -L long

.PHONY: test-packages
test-packages:
	@scripts/install-packages build test

aarch64: packages ## the client's side for aarch64, cross-compiled, in build/aarch64 (installs a cross compiler and arm64 packages)
	@scripts/install-packages aarch64
	@cmake --preset aarch64 -B $(BUILD)/aarch64 -G Ninja --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)/aarch64 -j $(JOBS)

lint: ## layout, arrows between rooms, forbidden calls, symbols, documents
	@scripts/install-packages build test lint
	@tests/lint/run $(BUILD)

format: ## let clang-format lay out every C file
	@scripts/install-packages lint
	@git ls-files -z '*.c' '*.h' ':!tests/golden' | xargs -0 clang-format-14 -i

docs: build ## write docs/environment.md again from the table in src/base/config.h
	@$(BUILD)/tools/environment-page > docs/environment.md.new && mv docs/environment.md.new docs/environment.md

bench: build ## the benchmarks of bench/
	@if test -x bench/run; then bench/run $(BUILD); else echo "there are no benchmarks yet; make demo prints a table"; exit 1; fi

bench-paper: build ## six networks in every mode over six links, into docs/results.md: two hours; goes on after an interruption (OPTIONS=--list)
	@PYTHON="$$(TORCH=$(TORCH) scripts/python)" bench/paper/run $(BUILD) $(OPTIONS)

install: build ## to $(PREFIX) (DESTDIR is honoured)
	@cmake --install $(BUILD) --prefix $(PREFIX)

python: ## print the path of the Python that holds the pinned stock PyTorch; make it if needed
	@TORCH=$(TORCH) scripts/python

clean: ## remove the build folder
	@rm -rf $(BUILD)
