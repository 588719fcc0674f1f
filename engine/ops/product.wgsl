// Rows of A times packed columns of B, in tiles: convolutions and matrix products alike.
//
// A is never a matrix in memory: `fetch` gathers its elements (see conv/gather.wgsl and its kin). B is packed as [k][column].
// One workgroup makes ROWS x COLUMNS elements of the product, one invocation TM rows of four columns.
const ROWS = WG_Y * TM;
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

@compute @workgroup_size(WG_X, WG_Y, 1)
fn main(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_id) local: vec3u,
        @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  let first_row = i32(block.x) * ROWS;
  let first_column = i32(block.y) * COLUMNS;
  let part = i32(block.z);  // a group of channels, or an element of a batch
  var places: array<Place, LOADS_A>;
  for (var l = 0; l < LOADS_A; l++) {
    let row = first_row + (t + l * THREADS) / KQ;
    places[l] = place_of(coordinates(min(row, u.rows - 1)), part);
    places[l].inside = row < u.rows && t + l * THREADS < ROWS * KQ;
  }
  var sums: array<vec4f, TM>;
  let column = first_column + i32(local.x) * 4;
  for (var tap = 0; tap < u.taps; tap++) {
    for (var k0 = 0; k0 < u.depth; k0 += K_TILE) {
      for (var l = 0; l < LOADS_A; l++) {
        let at = t + l * THREADS;
        if (at < ROWS * KQ) {
          let k = k0 + (at % KQ) * 4;
          var v = vec4f(0.0);
          if (places[l].inside && k < u.depth) { v = fetch(places[l], tap, k, part); }
          tile_a[at] = v;
        }
      }
      for (var l = 0; l < LOADS_B; l++) {
        let at = t + l * THREADS;
        if (at < K_TILE * WG_X) {
          let k = k0 + at / WG_X;
          let c = first_column + (at % WG_X) * 4;
          var v = vec4f(0.0);
          if (k < u.depth && c < u.columns) { v = weights_of(tap * u.depth + k, c, part); }
          tile_b[at] = v;
        }
      }
      workgroupBarrier();
      for (var q = 0; q < KQ; q++) {
        let b0 = tile_b[(q * 4 + 0) * WG_X + i32(local.x)];
        let b1 = tile_b[(q * 4 + 1) * WG_X + i32(local.x)];
        let b2 = tile_b[(q * 4 + 2) * WG_X + i32(local.x)];
        let b3 = tile_b[(q * 4 + 3) * WG_X + i32(local.x)];
        for (var i = 0; i < TM; i++) {
          let a = tile_a[(i32(local.y) * TM + i) * KQ + q];
          sums[i] = fma(vec4f(a.x), b0, fma(vec4f(a.y), b1, fma(vec4f(a.z), b2, fma(vec4f(a.w), b3, sums[i]))));
        }
      }
      workgroupBarrier();
    }
  }
  if (column >= u.columns) { return; }
  let n = min(4, u.columns - column);
  let bias = bias_at4(part * u.bias_part + column, 4);
  let slope = slope_at4(part * u.bias_part + column, 4);
  for (var i = 0; i < TM; i++) {
    let row = first_row + i32(local.y) * TM + i;
    if (row >= u.rows) { return; }
    let at = coordinates(row);
    var v = sums[i] + bias;
    let r = residual_at4(part_of(part).z + at.x * u.r_n + at.y * u.r_y + at.z * u.r_x + column, n);
    if (RESIDUAL_FIRST) { v += r; }
    v = activate(v);
    if (SLOPED) { v = select(v, v * slope, v < vec4f(0.0)); }
    if (RESIDUAL_LAST) { v += r; }
    y_set4(part_of(part).y + at.x * u.o_n + at.y * u.o_y + at.z * u.o_x + column, v, n);
  }
}
