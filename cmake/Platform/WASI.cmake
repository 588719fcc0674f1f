# Quiet CMake: WASI is a known platform with static libraries only.
set(WASI 1)
