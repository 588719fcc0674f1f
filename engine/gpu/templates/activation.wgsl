// Abramowitz and Stegun 7.1.26: at most 1.5e-7 off.
// SPDX-License-Identifier: MIT
fn erf4(x: vec4f) -> vec4f {
  let a = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - p * exp(-min(a * a, vec4f(80.0))));
}
// Bounded: drivers may compute tanh from exponentials that overflow.
fn tanh4(x: vec4f) -> vec4f { return tanh(clamp(x, vec4f(-15.0), vec4f(15.0))); }
fn sigmoid4(x: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-clamp(x, vec4f(-87.0), vec4f(87.0)))); }
