// The output pixel of an invocation, and its channels c .. c + lanes - 1.
// SPDX-License-Identifier: MIT
struct Pixel { n: i32, y: i32, x: i32, c: i32, lanes: i32 }

fn pixel_of(i: i32) -> Pixel {
  let quads = (u.channels + WIDTH - 1) / WIDTH;
  var rest = i;
  var p: Pixel;
  if (CHANNELS_FIRST) {
    p.c = rest % quads;
    rest /= quads;
  }
  p.x = rest % u.columns;
  rest /= u.columns;
  p.y = u.first_row + rest % u.rows;
  rest /= u.rows;
  if (CHANNELS_FIRST) {
    p.n = rest;
  } else {
    p.c = rest % quads;
    p.n = rest / quads;
  }
  p.c *= WIDTH;
  p.lanes = min(WIDTH, u.channels - p.c);
  return p;
}

// The first of a pixel's channels in the input, and the same place in the output.
fn source(p: Pixel) -> i32 { return p.n * u.x_n + p.c * u.x_c; }
fn place(p: Pixel) -> i32 { return p.n * u.y_n + p.c * u.y_c + p.y * u.y_y + p.x * u.y_x; }
