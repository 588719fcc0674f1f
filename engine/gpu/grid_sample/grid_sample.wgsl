// Each output pixel from the input around a position that the grid gives, as (x, y) from -1 to 1.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let p = pixel_of(i);
  let at = p.n * u.grid_n + p.y * u.grid_y + p.x * u.grid_x;
  let y = position(grid_at(at + u.grid_c), f32(u.height));
  let x = position(grid_at(at), f32(u.width));
  let wy = weights(y - floor(y));
  let wx = weights(x - floor(x));
  var v = vec4f(0.0);
  for (var ty = 0; ty < TAPS; ty++) {
    let row = index(floor(y) + f32(ty - TAPS / 4), f32(u.height));
    for (var tx = 0; tx < TAPS; tx++) {
      let column = index(floor(x) + f32(tx - TAPS / 4), f32(u.width));
      if (row >= 0 && column >= 0) {
        v += wy[ty] * wx[tx] * x_at4(source(p) + row * u.x_y + column * u.x_x, p.lanes);
      }
    }
  }
  y_set4(place(p), v, p.lanes);
}

fn first(extent: f32) -> f32 { return select(-0.5, 0.0, ALIGN_CORNERS); }
fn last(extent: f32) -> f32 { return select(extent - 0.5, extent - 1.0, ALIGN_CORNERS); }

// In pixels, after padding.
fn position(v: f32, extent: f32) -> f32 {
  var at = select(((v + 1.0) * extent - 1.0) * 0.5, (v + 1.0) * 0.5 * (extent - 1.0), ALIGN_CORNERS);
  if (TAPS == 1) { at = round(at); }
  if (at < first(extent) || at > last(extent)) {
    if (BORDER) { at = clamp(at, 0.0, extent - 1.0); }
    if (REFLECTION) { at = folded(at, first(extent), last(extent)); }
  }
  if (TAPS == 1) { at = round(at); }
  return at;
}

// Back and forth between `low` and `high`.
fn folded(v: f32, low: f32, high: f32) -> f32 {
  let range = high - low;
  var over = max(low - v, v - high);
  if (over <= 0.0) { return v; }
  if (range <= 0.0) { return low; }
  let turns = floor(over / range);
  over -= turns * range;
  let even = turns == 2.0 * floor(turns * 0.5);
  return select(high - over, low + over, (v < low) == even);
}

// The row or column read for the one at `v`; -1 for a zero.
fn index(v: f32, extent: f32) -> i32 {
  if (v >= 0.0 && v < extent) { return i32(v); }
  if (BORDER) { return i32(clamp(v, 0.0, extent - 1.0)); }
  if (REFLECTION) { return i32(clamp(trunc(folded(v, first(extent), last(extent))), 0.0, extent - 1.0)); }
  return -1;
}

// Of the taps around a place `t` behind the second of four, or the first of two (Keys 1981 with a = -0.75).
fn weights(t: f32) -> vec4f {
  if (TAPS == 1) { return vec4f(1.0, 0.0, 0.0, 0.0); }
  if (TAPS == 2) { return vec4f(1.0 - t, t, 0.0, 0.0); }
  let inner = vec2f(t, 1.0 - t);
  let outer = inner + 1.0;
  let near = (1.25 * inner - 2.25) * inner * inner + 1.0;
  let far = ((-0.75 * outer + 3.75) * outer - 6.0) * outer + 3.0;
  return vec4f(far.x, near.x, near.y, far.y);
}
