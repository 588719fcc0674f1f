// y = combine(a, b, c), element by element over merged dimensions. An invocation makes WIDTH elements side by side.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let at = nest_at(i * WIDTH);
  let v = combine(load_a(at.y), load_b(at.z), load_c(at.w));
  store(at.x, v);
}
