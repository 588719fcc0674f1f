#!/usr/bin/env bash
# Builds and runs every test; ends with the time and the totals of each part.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=build/test-logs
mkdir -p "$logs"
summary=()

# part <name> <command>...: runs it, keeps its output, remembers its time and its test runner's totals.
part() {
  local name=$1 begin=$SECONDS
  shift
  echo "== $name"
  "$@" 2>&1 | tee "$logs/$name.log"
  local totals
  totals=$(grep -hE '^[0-9]+% tests passed|^(# |ℹ )(tests|pass|fail) [0-9]+|^Ran [0-9]+ tests' "$logs/$name.log" |
             sed -E 's/^(# |ℹ )//' | paste -sd ' ' || true)
  summary+=("$(printf '%5d s  %-16s %s' $((SECONDS - begin)) "$name" "$totals")")
}

# Passing tests are counted, failing ones shown whole.
ctest_in() {
  ctest --test-dir "$1" --output-on-failure --no-tests=error -j "$(nproc)" |
    grep -vE '^ +Start +[0-9]+:| Passed +[0-9.]+ sec$'
}

part build-native scripts/build.sh tests
part cpp ctest_in build/native
part build-sanitize scripts/build.sh sanitize
part cpp-sanitized ctest_in build/sanitize
part fuzz scripts/fuzz.sh 20
part build-package scripts/build.sh wasm package demo
part docs scripts/build.sh docs
part types npm run --silent typecheck
part node npm test --silent
part conformance node --test tests/conformance/*.test.mjs
part gpu node --test tests/gpu/*.test.mjs
part training /usr/bin/python3 tests/training/training_test.py
part training_salient /usr/bin/python3 tests/training/salient_test.py
part parity node --test tests/parity/*.test.mjs
part browser npm run --silent test:browser
part examples node --test tests/examples/*.test.mjs

echo
echo "All tests passed:"
printf '%s\n' "${summary[@]}"
