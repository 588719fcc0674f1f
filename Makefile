# Decal's front door; the work is in scripts/.
.DEFAULT_GOAL := help
IMAGE ?= /usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg
.PHONY: help run test web bench clean

help: ## What there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' Makefile

run: ## Install, build and remove the background of a photo, natively and with WebAssembly (IMAGE=path)
	@scripts/setup.sh run && scripts/build.sh native wasm package && scripts/run-sample.sh "$(IMAGE)"

test: ## Install, build and run every test
	@scripts/setup.sh test && scripts/test.sh

web: ## Serve the demo page at http://127.0.0.1:8080/
	@scripts/setup.sh run && scripts/build.sh wasm package demo && node scripts/serve.mjs build/demo

bench: ## Build and run the benchmarks
	@scripts/setup.sh test && scripts/build.sh bench wasm package && scripts/bench.sh

clean: ## Remove everything that was built
	rm -rf build web/dist node_modules
