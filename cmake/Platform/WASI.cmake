# Quiet CMake: WASI is a known platform with static libraries only.
# SPDX-License-Identifier: MIT
set(WASI 1)
