// Rows of A times packed columns of B, in tiles: convolutions and matrix products alike.
//
// A is never a matrix in memory: `fetch` gathers its elements (see conv/gather.wgsl and its kin). B is packed as [k][column].
// One workgroup makes ROWS x COLUMNS elements of the product, one invocation 4 rows of four columns. Loops over a
// handful of registers are written out: no compiler can be trusted to unroll them, and an array that stays one lives in
// slow memory.
// SPDX-License-Identifier: MIT
const ROWS = WG_Y * 4;
const COLUMNS = WG_X * 4;
const KQ = K_TILE / 4;
const THREADS = WG_X * WG_Y;
const LOADS_A = (ROWS * KQ + THREADS - 1) / THREADS;
const LOADS_B = (K_TILE * WG_X + THREADS - 1) / THREADS;

var<workgroup> tile_a: array<vec4f, ROWS * KQ>;
var<workgroup> tile_b: array<vec4f, K_TILE * WG_X>;

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
  tile_a[at] = v;
}

fn load_b(at: i32, first_column: i32, tap: i32, k0: i32, part: i32) {
  if (at >= K_TILE * WG_X) { return; }
  let k = k0 + at / WG_X;
  let c = first_column + (at % WG_X) * 4;
  var v = vec4f(0.0);
  if (k < u.depth && c < u.columns) { v = weights_of(tap * u.depth + k, c, part); }
  tile_b[at] = v;
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
  let place0 = place_at(first_row, t, part);
  let place1 = place_at(first_row, t + THREADS, part);
  let x = i32(local.x);
  let y = i32(local.y) * 4 * KQ;
  var s0 = vec4f(0.0);
  var s1 = vec4f(0.0);
  var s2 = vec4f(0.0);
  var s3 = vec4f(0.0);
  for (var tap = 0; tap < u.taps; tap++) {
    for (var k0 = 0; k0 < u.depth; k0 += K_TILE) {
      load_a(place0, t, tap, k0, part);
      if (LOADS_A > 1) { load_a(place1, t + THREADS, tap, k0, part); }
      load_b(t, first_column, tap, k0, part);
      if (LOADS_B > 1) { load_b(t + THREADS, first_column, tap, k0, part); }
      workgroupBarrier();
      for (var q = 0; q < KQ; q++) {
        let b0 = tile_b[(q * 4 + 0) * WG_X + x];
        let b1 = tile_b[(q * 4 + 1) * WG_X + x];
        let b2 = tile_b[(q * 4 + 2) * WG_X + x];
        let b3 = tile_b[(q * 4 + 3) * WG_X + x];
        let a0 = tile_a[y + q];
        let a1 = tile_a[y + KQ + q];
        let a2 = tile_a[y + 2 * KQ + q];
        let a3 = tile_a[y + 3 * KQ + q];
        s0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
        s1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
        s2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
        s3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
      }
      workgroupBarrier();
    }
  }
  let column = first_column + x * 4;
  if (column >= u.columns) { return; }
  let n = min(4, u.columns - column);
  let bias = bias_at4(part * u.bias_part + column, 4);
  let slope = slope_at4(part * u.bias_part + column, 4);
  let row = first_row + i32(local.y) * 4;
  store(row, column, n, s0 + bias, slope, part);
  store(row + 1, column, n, s1 + bias, slope, part);
  store(row + 2, column, n, s2 + bias, slope, part);
  store(row + 3, column, n, s3 + bias, slope, part);
}
