# Test files of the picture work, relative to cutout/.
set(cutout_tests resample_test.cc composite_test.cc png_filter_test.cc remover_test.cc)
