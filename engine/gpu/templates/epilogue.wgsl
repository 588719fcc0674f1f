// What follows a product's sum of four channels: residual and activation or slope, in the graph's order.
// SPDX-License-Identifier: MIT
fn epilogue(sum: vec4f, residual: vec4f, slope: vec4f) -> vec4f {
  var v = sum;
  if (RESIDUAL_FIRST) { v += residual; }
  v = activate(v);
  if (SLOPED) { v = select(v, v * slope, v < vec4f(0.0)); }
  if (RESIDUAL_LAST) { v += residual; }
  return v;
}
