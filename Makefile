# The entry points; the work is in scripts/.
.DEFAULT_GOAL := help
# scripts/setup.sh installs Node here if the machine's own is too old.
export PATH := $(CURDIR)/build/tools/node_modules/.bin:$(PATH)
IMAGE ?= /usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
.PHONY: help run install test examples check lint operators fuzz web python deb deb-test test-ray docs nightly arm64 bench bench-browser bench-gpu bench-video bench-edges bench-scaling gpu-bundle gpu-bundle-test clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

run: ## Install, build and remove the background of a photo, natively and with WebAssembly (IMAGE=path)
	@scripts/run.sh "$(IMAGE)"

install: ## Build the library and the command for every instruction set and install them (PREFIX=/usr/local)
	@scripts/setup.sh run apt && scripts/build.sh native && cmake --install build/native --prefix "$(PREFIX)"

test: ## Install, build and run every test
	@scripts/setup.sh build && node scripts/test.mjs

examples: ## Build and drive every example; `make test` does a few of them each day
	@scripts/setup.sh test && DECAL_EXAMPLES=all node scripts/test.mjs examples

check: ## For daily work: style, types and the unit tests of what changed since BASE (HEAD~1)
	@scripts/setup.sh test && scripts/setup.sh lint && LINT_INSTALL=yes LINT_STRICT=yes scripts/check.sh

lint: ## The style of what changed since BASE (HEAD~1): clang-format, clang-tidy, Biome, ruff, licences
	@scripts/setup.sh lint && LINT_INSTALL=yes LINT_STRICT=yes scripts/lint.sh

operators: ## Run the conformance cases and write docs/operators.md
	@scripts/setup.sh test && scripts/build.sh tests wasm && scripts/operators.sh

nightly: ## Repeat the randomised C++ tests with SEEDS (100) fresh seeds
	@scripts/setup.sh test && scripts/build.sh tests && node scripts/nightly.mjs $${SEEDS:-100}

arm64: ## Cross-compile for arm64, and run the C++ tests under qemu-user
	@scripts/setup.sh arm64 apt && scripts/arm64.sh test

fuzz: ## Fuzz the importer, the planner and the memory plan, FUZZ_MINUTES (30) each
	@scripts/setup.sh test && scripts/build.sh sanitize && scripts/fuzz.sh $$((60 * $${FUZZ_MINUTES:-30}))

web: ## Serve the demo page at http://127.0.0.1:8080/
	@scripts/setup.sh run && scripts/build.sh wasm package demo && node scripts/serve.mjs build/demo

python: ## Build the Python package, wheel and source distribution, into dist/ (PYTHON=/usr/bin/python3)
	@scripts/setup.sh python apt && scripts/build.sh native && scripts/python.sh wheel && scripts/python.sh sdist

test-ray: ## Test decal.ray on a cluster of this machine whose processes are killed (DECAL_RAY_PICTURES=300, DECAL_RAY_ROUNDS=2)
	@scripts/setup.sh python apt && scripts/build.sh native && scripts/python.sh ray && build/python/ray/bin/python -P -m pytest -q tests/ray

deb: ## Build the Debian packages, decal, decal-video and libdecal-dev, into dist/
	@scripts/setup.sh build apt && scripts/build.sh native && scripts/package.sh

deb-test: deb ## As root: install the packages in a clean Debian (debootstrap) and use them; the Containerfile too
	@tests/package/chroot_test.sh && node tests/package/containerfile_test.mjs

docs: ## Build the documentation site, with the TypeScript and C++ references, into build/docs
	@scripts/setup.sh docs && scripts/build.sh wasm package docs

bench: ## Measure kernels, then whole models against onnxruntime, OpenVINO and ncnn (an hour); writes docs/performance.md
	@scripts/setup.sh test && scripts/build.sh bench wasm package && scripts/python.sh peers && scripts/bench.sh kernels pictures whole models

bench-browser: ## Whole calls and the same models in Chromium, and start-up (40 minutes); writes docs/performance.md
	@scripts/setup.sh test && scripts/build.sh native wasm package && scripts/bench.sh whole_browser browser

bench-gpu: ## WebGPU against onnxruntime-web's, on a machine with a GPU; writes docs/performance.md
	@scripts/setup.sh test && scripts/build.sh native wasm package && scripts/bench.sh gpu

gpu-bundle: ## One archive that reports on a bare machine's GPU, without a network: dist/decal-gpu-bundle.tar
	@scripts/setup.sh test && scripts/build.sh tests wasm package && node scripts/gpu-bundle.mjs

gpu-bundle-test: gpu-bundle ## As root: that archive in a clean Debian, on a software driver
	@tests/package/gpu_bundle_test.sh

bench-video: ## Measure video natively and in Chromium against its bars, on an idle machine (half an hour); writes docs/performance.md
	@scripts/setup.sh test && scripts/build.sh native wasm package && scripts/bench.sh video

bench-edges: ## Measure edges and colours of cut-outs against true mattes, beside PyMatting; prints docs/edges.md's tables
	@scripts/setup.sh test && scripts/build.sh bench wasm package && scripts/python.sh edges && build/python/edges/bin/python bench/edges.py --out build/edges/table.md

bench-scaling: ## Measure server, batch, Ray and Python beside their peers on an idle machine (half an hour); docs/scaling.md has the figures
	@scripts/setup.sh test && scripts/build.sh native python && scripts/python.sh ray && scripts/python.sh rembg && scripts/bench.sh scaling

clean: ## Remove everything that was built
	rm -rf build dist web/dist node_modules docs/site/node_modules
