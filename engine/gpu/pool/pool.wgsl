// Windows over maps: the largest of the pixels inside, or their sum by the number of places that count.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let p = pixel_of(i);
  let first_y = p.y * u.stride_y - u.pad_y;
  let first_x = p.x * u.stride_x - u.pad_x;
  var v = vec4f(u.start);
  for (var ky = 0; ky < u.kernel_y; ky++) {
    let y = first_y + ky * u.dilation_y;
    if (y < 0 || y >= u.height) { continue; }
    let row = source(p) + y * u.x_y;
    for (var kx = 0; kx < u.kernel_x; kx++) {
      let x = first_x + kx * u.dilation_x;
      if (x < 0 || x >= u.width) { continue; }
      let pixel = x_at4(row + x * u.x_x, p.lanes);
      v = select(v + pixel, max(v, pixel), LARGEST);
    }
  }
  if (!LARGEST) {
    let counted = counts(first_y, u.kernel_y, u.dilation_y, u.count_y0, u.count_y1) *
                  counts(first_x, u.kernel_x, u.dilation_x, u.count_x0, u.count_x1);
    v /= f32(max(counted, 1));
  }
  y_set4(place(p), v, p.lanes);
}

// How many of first + k * dilation, for k below `kernel`, lie in [begin, end).
fn counts(first: i32, kernel: i32, dilation: i32, begin: i32, end: i32) -> i32 {
  let low = max(0, (begin - first + dilation - 1) / dilation);
  let high = min(kernel, (end - first + dilation - 1) / dilation);
  return max(0, high - low);
}
