# Test files of the picture work, relative to cutout/.
# SPDX-License-Identifier: MIT
set(cutout_tests resample_test.cc resample_rows_test.cc composite_test.cc compose_rows_test.cc
  png_filter_test.cc remover_test.cc matte_output_test.cc edge_fields_test.cc
  alpha_plane_test.cc frame_test.cc joined_matte_test.cc second_pass_test.cc
  composite_bytes_test.cc temporal_matte_test.cc yuv_test.cc backdrop_test.cc)
