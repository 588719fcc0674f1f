#!/usr/bin/env bash
# `make check`, for daily work: style, types, and the unit tests of what changed since BASE (default: the last commit, with
# what is not committed). It takes a minute once everything is built; `make test` runs everything.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
base=${BASE:-HEAD~1}
changed=$(git diff --name-only "$base"; git ls-files --others --exclude-standard)
in_change() { grep -qE "$1" <<<"$changed"; }
step() { printf '%4d s  %s\n' "$SECONDS" "$*"; }

step "style"
BASE=$base LINT_QUICK=yes scripts/lint.sh  # without clang-tidy, which takes seconds a file

if in_change '\.(cc|h|S|wgsl|cmake)$|CMakeLists|^(models|border)/'; then
  step "C++ build"
  scripts/build.sh tests
  programs=()
  if in_change '^engine/(base|ir|cpu|gpu|ops)/|^tests/support/.*\.h|^include/'; then programs+=(ops); fi
  if in_change '^engine/|^tests/support/.*\.h|^include/'; then programs+=(engine); fi
  if in_change '^(engine|cutout|models|include)/|^tests/support/.*\.h'; then programs+=(cutout); fi
  for program in "${programs[@]}"; do
    step "decal_${program}_test"
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=0 "build/native/tests/decal_${program}_test" --gtest_brief=1 &
    other=$!
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=1 "build/native/tests/decal_${program}_test" --gtest_brief=1
    wait "$other"
  done
  if in_change '^cli/|^tests/parity/.*\.cc$'; then build/native/tests/parity/decal_parity_test --gtest_brief=1; fi
  if in_change '^cli/|^tests/cli/'; then
    step "the command"
    build/native/tests/cli/decal_cli_test --gtest_brief=1
    # Node would keep one core for itself.
    node --test --test-concurrency=2 --test-reporter=dot tests/cli/*.test.mjs
  fi
fi

if in_change '^(web|demo|models|border|tests|scripts|bench)/.*\.(ts|tsx|mjs|js|json)$|^package'; then
  step "types"
  [[ ! -f build/wasm/decal-relaxed.wasm ]] || scripts/build.sh package
  npm run --silent typecheck
  # A test belongs to a source when it names it.
  tests=$(for file in $changed; do
    case $file in
      web/test/*.test.mjs | tests/bench/*.test.mjs) echo "$file" ;;
      web/src/* | bench/* | scripts/* | web/tools/*)
        name=$(basename "$file"); grep -lE "\b${name%.*}(\.ts|\.js|\.mjs|\b)" web/test/*.test.mjs tests/bench/*.test.mjs || true ;;
    esac
  done | sort -u)
  if [[ -n $tests ]]; then
    step "node: $(wc -l <<<"$tests") test files"
    # shellcheck disable=SC2086
    node --test --test-concurrency=2 --test-reporter=dot $tests
  fi
fi

if in_change '^(python|tests/python|include)/|^pyproject'; then
  step "Python"
  scripts/build.sh native python
  build/python/venv/bin/python -P -m pytest -q tests/python
fi

if in_change '^(training|tests/training)/.*\.py$'; then
  step "training"
  /usr/bin/python3 -m compileall -q training tests/training
fi
step "checked: $(grep -c . <<<"$changed") files that changed since $base"
