// Convolution of every channel with a filter of its own: one invocation makes four channels of a pixel.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let quads = (u.channels + 3) / 4;
  let channel = i % quads * 4;
  let pixel = i / quads;
  let n = min(4, u.channels - channel);
  let at = vec3i(pixel / u.row_x / u.row_y, pixel / u.row_x % u.row_y, pixel % u.row_x);
  let first = vec2i(at.y * u.step_y + u.first_y, at.z * u.step_x + u.first_x);
  let image = at.x * u.a_n + channel;
  var v = bias_at4(channel, 4);
  for (var ty = 0; ty < TAPS_Y; ty++) {
    let y = first.x + ty * u.tap_step_y;
    if (y < 0 || y >= u.height) { continue; }
    for (var tx = 0; tx < TAPS_X; tx++) {
      let x = first.y + tx * u.tap_step_x;
      if (x < 0 || x >= u.width) { continue; }
      v = fma(x_at4(image + y * u.a_y + x * u.a_x, n), w_at4((ty * TAPS_X + tx) * quads * 4 + channel, 4), v);
    }
  }
  let r = residual_at4(at.x * u.r_n + at.y * u.r_y + at.z * u.r_x + channel, n);
  y_set4(at.x * u.o_n + at.y * u.o_y + at.z * u.o_x + channel, epilogue(v, r, slope_at4(channel, 4)), n);
}
