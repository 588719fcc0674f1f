# Convolution, matrix products, quantisation.
list(APPEND ops_sources epilogue.cc indirect_conv_kernel.cc
  conv/conv_shape.cc conv/conv_reference.cc conv/conv_cpu.cc conv/winograd_cpu.cc
  deform_conv/deform_conv_shape.cc deform_conv/deform_conv_reference.cc deform_conv/deform_conv_cpu.cc
  attention/attention.cc attention/attention_cpu.cc attention/windows.cc
  matmul/matmul_shape.cc matmul/matmul_reference.cc matmul/matmul_cpu.cc matmul/matrix_rows.cc
  quant/quant_shape.cc quant/quant_reference.cc quant/quant_cpu.cc)
