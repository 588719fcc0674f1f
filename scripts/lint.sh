#!/usr/bin/env bash
# Style of the files that changed since BASE (default: the last commit, with what is not committed). CONTRIBUTING.md has the table of tools.
#   scripts/lint.sh          what changed
#   scripts/lint.sh --all    the whole tree; clang-tidy then reads a dozen sources at once, in a fifth of the time (preset lint-all)
# Tools that are missing are named and skipped, unless LINT_STRICT is set: `make lint` installs them.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."
base=${BASE:-HEAD~1}
ruff_version=0.17.6
failed=0

fail() { echo "lint: $*" >&2; failed=1; }
skip() { if [[ -n ${LINT_STRICT:-} ]]; then fail "$* is missing"; else echo "lint: $* is missing: skipped (make lint installs it)"; fi; }
existing() { while read -r file; do [[ -f $file ]] && echo "$file"; done; true; }

preset=lint
if [[ ${1:-} == --all ]]; then
  preset=lint-all
  changed=$(git ls-files | existing)
else
  git diff --check "$base" || failed=1
  changed=$( (git diff --name-only "$base"; git ls-files --others --exclude-standard) | existing | sort -u)
fi
of_kind() { grep -E "$1" <<<"$changed" || true; }

# The length of files, and their licence.
while read -r file; do
  lines=$(wc -l <"$file")
  ((lines <= 500)) || fail "$file: $lines lines, of at most 500: give it one reason to change"
done < <(of_kind '\.(cc|h|ts|tsx|mjs|js|py|wgsl|cmake|sh)$')
if [[ -n $changed ]]; then
  # shellcheck disable=SC2086
  node scripts/spdx.mjs --check $changed || failed=1
fi

# C++. clang-tidy looks at sources with all that they include, which is slow.
cpp=$(of_kind '\.(cc|h)$')
if [[ -n $cpp ]]; then
  if command -v clang-format-22 >/dev/null; then
    xargs clang-format-22 --dry-run --Werror <<<"$cpp" || fail "clang-format: the lines above; clang-format-22 -i FILE writes them"
  else
    skip clang-format-22
  fi
  # Of a header that changed, the source of its name includes it first.
  sources=$( (grep '\.cc$' <<<"$cpp" || true; sed -n 's/\.h$/.cc/p' <<<"$cpp" | existing) | sort -u)
  if [[ -n $sources && -z ${LINT_QUICK:-} ]]; then
    if ! command -v run-clang-tidy-22 >/dev/null; then
      skip clang-tidy-22
    elif ! cmake --preset "$preset" --log-level=ERROR >/dev/null; then
      # What the tests include is missing. Elsewhere than in CI, `make lint` does not install all of that.
      if [[ -n ${CI:-} ]]; then failed=1; fi
      echo "lint: clang-tidy is skipped: scripts/setup.sh test installs the libraries that it needs"
    else
      tidy=(run-clang-tidy-22 -clang-tidy-binary clang-tidy-22 -quiet -p "build/$preset" -j 2 -warnings-as-errors='*')
      if [[ $preset == lint-all ]]; then
        # Sources are included by generated ones there, so they count as headers.
        tidy+=(-checks=-bugprone-suspicious-include '-header-filter=/(engine|cutout|cli|include|models|tests)/')
        sources='\.(cc|cxx)$'
      fi
      # shellcheck disable=SC2086
      "${tidy[@]}" $sources 2>/dev/null || failed=1
    fi
  fi
fi

if [[ -n $(of_kind '\.(ts|tsx|mjs|js|jsx)$') ]]; then
  if [[ -x node_modules/.bin/biome ]]; then
    of_kind '\.(ts|tsx|mjs|js|jsx)$' | xargs node_modules/.bin/biome lint --no-errors-on-unmatched --diagnostic-level=warn || failed=1
  else
    skip Biome
  fi
fi

if [[ -n $(of_kind '\.py$') ]]; then
  ruff=build/tools/ruff-$ruff_version/bin/ruff
  if [[ ! -x $ruff && -n ${LINT_INSTALL:-} ]]; then
    python3 -m venv "build/tools/ruff-$ruff_version"
    "build/tools/ruff-$ruff_version/bin/pip" install --quiet "ruff==$ruff_version"
  fi
  if [[ -x $ruff ]]; then
    of_kind '\.py$' | xargs "$ruff" check --quiet || failed=1
  else
    skip "ruff $ruff_version"
  fi
fi

exit "$failed"
