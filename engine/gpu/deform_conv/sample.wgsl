// What a deformable convolution reads: its input at moved taps, between the four pixels around each. Pixels outside are zeros.
// SPDX-License-Identifier: MIT
struct Place { image: i32, y: i32, x: i32, offset: i32, mask: i32, inside: bool }

fn place_of(at: vec3i, part: i32) -> Place {
  let row = at.y + u.first_row_y;
  return Place(at.x * u.a_n, at.y * u.step_y + u.first_y, at.z * u.step_x + u.first_x,
               at.x * u.offset_n + row * u.offset_y + at.z * u.offset_x,
               at.x * u.mask_n + row * u.mask_y + at.z * u.mask_x, true);
}

struct Sample { at: vec4i, weights: vec4f }  // the four pixels; weights of those outside are 0

fn sample_of(p: Place, tap: i32, channel: i32) -> Sample {
  let pair = channel / u.offset_depth * u.taps + tap;
  // Positions are float sums, as in the reference.
  let y = f32(p.y + (tap / u.taps_x) * u.tap_step_y) + offset_at(p.offset + 2 * pair * u.offset_c);
  let x = f32(p.x + (tap % u.taps_x) * u.tap_step_x) + offset_at(p.offset + (2 * pair + 1) * u.offset_c);
  var sample = Sample(vec4i(0), vec4f(0.0));
  if (!(y > -1.0 && y < f32(u.height) && x > -1.0 && x < f32(u.width))) { return sample; }
  let top = i32(floor(y));
  let left = i32(floor(x));
  let fy = y - floor(y);
  let fx = x - floor(x);
  let inside = vec4<bool>(top >= 0, top + 1 < u.height, left >= 0, left + 1 < u.width);
  sample.weights = select(vec4f(0.0), vec4f((1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), fy * fx),
                          inside.xxyy & inside.zwzw);
  if (MASKED) { sample.weights *= mask_at(p.mask + pair * u.mask_c); }
  let rows = vec2i(max(top, 0), min(top + 1, u.height - 1)) * u.a_y + p.image;
  let columns = vec2i(max(left, 0), min(left + 1, u.width - 1)) * u.a_x;
  sample.at = rows.xxyy + columns.xyxy;
  return sample;
}

fn fetch(p: Place, tap: i32, k: i32, part: i32) -> vec4f {
  let channel = part * u.depth + k;
  let n = min(4, u.depth - k);
  var v = vec4f(0.0);
  if (QUADS) {  // one offset for four channels
    let s = sample_of(p, tap, channel);
    let at = s.at + channel;
    return s.weights.x * x_at4(at.x, n) + s.weights.y * x_at4(at.y, n) + s.weights.z * x_at4(at.z, n) +
           s.weights.w * x_at4(at.w, n);
  }
  for (var i = 0; i < n; i++) {
    let s = sample_of(p, tap, channel + i);
    let at = s.at + channel + i;
    v[i] = dot(s.weights, vec4f(x_at(at.x), x_at(at.y), x_at(at.z), x_at(at.w)));
  }
  return v;
}
