# SIMD building blocks; see each file's first line.
set(cpu_sources)
list(APPEND cpu_sources activation.cc)
list(APPEND cpu_sources strided_copy.cc)
list(APPEND cpu_sources simd_target.cc)
set_source_files_properties("${PROJECT_SOURCE_DIR}/engine/cpu/simd_target.cc" PROPERTIES
  COMPILE_DEFINITIONS "DECAL_VERSION=\"${PROJECT_VERSION}\"")
list(APPEND cpu_sources indirect_conv.cc indirect_conv_plan.cc depthwise.cc winograd.cc winograd_plan.cc)
list(APPEND cpu_sources elementwise.cc pool.cc statistics.cc moments.cc resize.cc norm.cc)
list(APPEND cpu_sources deform_sample.cc)
list(APPEND cpu_sources round_to_grid.cc)
list(APPEND cpu_sources attention.cc)
