// What a convolution reads: tap (ty, tx) of output (n, y, x) lies at
//   (y * step_y + first_y + ty * tap_step_y, x * step_x + first_x + tx * tap_step_x) of the input.
// SPDX-License-Identifier: MIT
struct Place { base: i32, y: i32, x: i32, inside: bool }

fn place_of(at: vec3i, part: i32) -> Place {
  return Place(at.x * u.a_n + part_of(part).x, at.y * u.step_y + u.first_y, at.z * u.step_x + u.first_x, true);
}

fn element(p: Place, tap: i32) -> i32 {
  let y = p.y + (tap / u.taps_x) * u.tap_step_y;
  let x = p.x + (tap % u.taps_x) * u.tap_step_x;
  if (y < 0 || y >= u.height || x < 0 || x >= u.width) { return -1; }
  return p.base + y * u.a_y + x * u.a_x;
}

fn fetch(p: Place, tap: i32, k: i32, part: i32) -> vec4f {
  if (FLAT) {  // few channels: k runs over taps and channels
    var v = vec4f(0.0);
    for (var i = 0; i < 4; i++) {
      if (k + i < u.depth) {
        let at = element(p, (k + i) / u.channels);
        if (at >= 0) { v[i] = x_at(at + (k + i) % u.channels); }
      }
    }
    return v;
  }
  let at = element(p, tap);
  if (at < 0) { return vec4f(0.0); }
  return x_at4(at + k, min(4, u.depth - k));
}
