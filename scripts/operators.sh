#!/usr/bin/env bash
# Runs the conformance cases natively and in WebAssembly and writes docs/operators.md from the outcomes.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

ctest --test-dir build/native -R '^conformance$' --output-on-failure
# The check of the file's contents is left out: it is about to be written.
node --test --test-name-pattern='ends as it does natively' tests/conformance/wasm.test.mjs
node tests/conformance/operators.mjs
