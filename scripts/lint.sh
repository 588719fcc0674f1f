#!/usr/bin/env bash
# Style of the files that changed since BASE (default: the last commit, with what is not committed). CONTRIBUTING.md has the table of tools.
#   scripts/lint.sh          what changed; C++ by changed lines
#   scripts/lint.sh --all    the whole tree, to see what is left; clang-format only counts there
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

if [[ ${1:-} == --all ]]; then
  all=yes
  changed=$(git ls-files | existing)
  added=$changed
else
  all=
  git diff --check "$base" || failed=1
  untracked=$(git ls-files --others --exclude-standard)
  changed=$( (git diff --name-only "$base"; echo "$untracked") | existing | sort -u)
  added=$( (git diff --name-only --diff-filter=A "$base"; echo "$untracked") | existing | sort -u)
fi
of_kind() { grep -E "$1" <<<"$changed" || true; }

# The length of files, and the licence of new ones.
while read -r file; do
  lines=$(wc -l <"$file")
  ((lines <= 500)) || fail "$file: $lines lines, of at most 500: give it one reason to change"
done < <(of_kind '\.(cc|h|ts|tsx|mjs|js|py|wgsl|cmake|sh)$')
if [[ -n $added ]]; then
  # shellcheck disable=SC2086
  node scripts/spdx.mjs --check $added || failed=1
fi

# C++: the changed lines alone, because the tree was not formatted by a tool. clang-tidy looks at whole files, which is slow.
cpp=$(of_kind '\.(cc|h)$')
if [[ -n $cpp ]]; then
  if ! command -v clang-format-22 git-clang-format-22 >/dev/null; then
    skip clang-format-22
  elif [[ -n $all ]]; then
    count=$(xargs clang-format-22 --dry-run 2>&1 <<<"$cpp" | grep -oE '^[^:]+' | sort -u | grep -cE '\.(cc|h)$' || true)
    echo "lint: clang-format would change $count of $(wc -l <<<"$cpp") files"
  else
    # New files are compared with nothing, or git would know nothing of them.
    untracked_cpp=$(grep -E '\.(cc|h)$' <<<"$untracked" || true)
    [[ -z $untracked_cpp ]] || xargs clang-format-22 --dry-run --Werror <<<"$untracked_cpp" || failed=1
    diff=$(git-clang-format-22 --binary clang-format-22 --diff --extensions cc,h "$base" || true)
    if grep -q '^diff' <<<"$diff"; then
      echo "$diff"
      fail "clang-format: the lines above; git-clang-format-22 --binary clang-format-22 $base writes them"
    fi
  fi
  sources=$(grep '\.cc$' <<<"$cpp" || true)
  if [[ -n $sources && -f build/native/compile_commands.json && -z ${LINT_QUICK:-} ]]; then
    if command -v run-clang-tidy-22 >/dev/null; then
      # shellcheck disable=SC2086
      run-clang-tidy-22 -clang-tidy-binary clang-tidy-22 -quiet -p build/native -j 2 -warnings-as-errors='*' $sources 2>/dev/null || failed=1
    else
      skip clang-tidy-22
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
