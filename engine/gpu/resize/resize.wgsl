// Every output pixel as a weighted sum of input pixels: the product of what the tables of its row and column say.
//
// A table entry is two taps, (index, index, weight, weight); a row has PAIRS_Y of them and a column PAIRS_X, where 0 stands
// for many. SINGLE: one tap of weight 1. An index of -1 stands for places outside of the region.
// SPDX-License-Identifier: MIT
fn element(i: i32) {
  let p = pixel_of(i);
  let origin = source(p);
  let pairs_y = select(PAIRS_Y, u.pairs_y, PAIRS_Y == 0);
  let pairs_x = select(PAIRS_X, u.pairs_x, PAIRS_X == 0);
  let rows = p.y * pairs_y;
  let columns = u.first_column + p.x * pairs_x;
  var v = vec4f(0.0);
  if (EXTRAPOLATES && min(taps(rows).x, taps(columns).x) < 0.0) {
    v = vec4f(u.extrapolation);
  } else {
    for (var ty = 0; ty < pairs_y; ty++) {
      let row = taps(rows + ty);
      let y = vec2i(row.xy) * u.x_y + origin;
      for (var tx = 0; tx < pairs_x; tx++) {
        let column = taps(columns + tx);
        let x = vec2i(column.xy) * u.x_x;
        if (SINGLE_Y) {
          v += along(y.x, x, column.zw, p.lanes);
        } else {
          v += row.z * along(y.x, x, column.zw, p.lanes) + row.w * along(y.y, x, column.zw, p.lanes);
        }
      }
    }
  }
  y_set4(place(p), v, p.lanes);
}

fn taps(entry: i32) -> vec4f { return table_at4(entry * 4, 4); }

fn along(row: i32, x: vec2i, weights: vec2f, lanes: i32) -> vec4f {
  if (SINGLE_X) { return x_at4(row + x.x, lanes); }
  return weights.x * x_at4(row + x.x, lanes) + weights.y * x_at4(row + x.y, lanes);
}
