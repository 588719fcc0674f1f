// Rows of A times packed columns of B, in tiles: convolutions and matrix products alike.
//
// A is never a matrix in memory: `fetch` gathers its elements (see conv/gather.wgsl and its kin). B is packed as [k][column].
// One workgroup makes ROWS x COLUMNS elements of the product, one invocation ROWS_EACH rows of QUADS_EACH quads of columns. Loops over a
// handful of registers are written out: no compiler can be trusted to unroll them, and an array that stays one lives in
// slow memory. Tiles hold what memory holds (float16 stays float16), sums are float32.
// SPDX-License-Identifier: MIT
const ROWS = WG_Y * EACH_Y;
const BQ = WG_X * EACH_X;  // quads of columns
const COLUMNS = BQ * 4;
const KQ = K_TILE / 4;
const THREADS = WG_X * WG_Y;

var<workgroup> tile_a: array<Quad, ROWS * KQ>;
var<workgroup> tile_b: array<Quad, K_TILE * BQ>;

// The coordinates (n, y, x) of a row of the product.
fn coordinates(row: i32) -> vec3i {
  let x = row % u.row_x;
  let rest = row / u.row_x;
  return vec3i(rest / u.row_y, rest % u.row_y, x);
}

// Row and k quad of tile_a that this invocation loads at its l-th turn; and what it is multiplied with, in tile_b.
fn place_at(first_row: i32, at: i32, part: i32) -> Place {
  let row = first_row + at / KQ;
  var place = place_of(coordinates(min(row, u.rows - 1)), part);
  place.inside = row < u.rows && at < ROWS * KQ;
  return place;
}

fn load_a(place: Place, at: i32, tap: i32, k0: i32, part: i32) {
  if (at >= ROWS * KQ) { return; }
  let k = k0 + (at % KQ) * 4;
  var v = vec4f(0.0);
  if (place.inside && k < u.depth) { v = fetch(place, tap, k, part); }
  tile_a[at] = Quad(v);
}

fn load_b(at: i32, first_column: i32, tap: i32, k0: i32, part: i32) {
  if (at >= K_TILE * BQ) { return; }
  let k = k0 + at / BQ;
  let c = first_column + (at % BQ) * 4;
  var v = vec4f(0.0);
  if (k < u.depth && c < u.columns) { v = weights_of(tap * u.depth + k, c, part); }
  tile_b[at] = Quad(v);
}

fn store(row: i32, column: i32, n: i32, sum: vec4f, slope: vec4f, part: i32) {
  if (row >= u.rows) { return; }
  let at = coordinates(row);
  let r = residual_at4(part_of(part).z + at.x * u.r_n + at.y * u.r_y + at.z * u.r_x + column, n);
  y_set4(part_of(part).y + at.x * u.o_n + at.y * u.o_y + at.z * u.o_x + column, epilogue(sum, r, slope), n);
}

@compute @workgroup_size(WG_X, WG_Y, 1)
fn main(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_id) local: vec3u,
        @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  let first_row = i32(block.x) * ROWS;
  let first_column = i32(block.y) * COLUMNS;
  let part = i32(block.z);  // a group of channels, or an element of a batch
#unroll l LOADS_A
  let place$l = place_at(first_row, t + $l * THREADS, part);
#end l
  let x = i32(local.x);
  let y = i32(local.y) * EACH_Y * KQ;
#unroll r ROWS_EACH
#unroll c QUADS_EACH
  var s$r_$c = vec4f(0.0);
#end c
#end r
  for (var tap = 0; tap < u.taps; tap++) {
    for (var k0 = 0; k0 < u.depth; k0 += K_TILE) {
#unroll l LOADS_A
      load_a(place$l, t + $l * THREADS, tap, k0, part);
#end l
#unroll l LOADS_B
      load_b(t + $l * THREADS, first_column, tap, k0, part);
#end l
      workgroupBarrier();
      for (var q = 0; q < KQ; q++) {
#unroll c QUADS_EACH
        let b0_$c = vec4f(tile_b[(q * 4 + 0) * BQ + x + $c * WG_X]);
        let b1_$c = vec4f(tile_b[(q * 4 + 1) * BQ + x + $c * WG_X]);
        let b2_$c = vec4f(tile_b[(q * 4 + 2) * BQ + x + $c * WG_X]);
        let b3_$c = vec4f(tile_b[(q * 4 + 3) * BQ + x + $c * WG_X]);
#end c
#unroll r ROWS_EACH
        let a$r = vec4f(tile_a[y + $r * KQ + q]);
#unroll c QUADS_EACH
        s$r_$c += a$r.x * b0_$c + a$r.y * b1_$c + a$r.z * b2_$c + a$r.w * b3_$c;
#end c
#end r
      }
      workgroupBarrier();
    }
  }
  let row = first_row + i32(local.y) * EACH_Y;
#unroll c QUADS_EACH
  {
    let column = first_column + (x + $c * WG_X) * 4;
    if (column < u.columns) {
      let n = min(4, u.columns - column);
      let bias = bias_at4(part * u.bias_part + column, 4);
      let slope = slope_at4(part * u.bias_part + column, 4);
#unroll r ROWS_EACH
      store(row + $r, column, n, s$r_$c + bias, slope, part);
#end r
    }
  }
#end c
}
