// Winograd convolution F(2x2,3x3) (Lavin and Gray 2016) in one dispatch: a workgroup transforms tiles of the input and
// filters in workgroup memory, four channels at a time, and multiplies them point by point; transformed tensors never
// exist in memory, so that it needs none beside its operands.
//
// A workgroup makes TILES tiles of 2x2 pixels by QUADS quads of columns. Of its 256 invocations 16 belong to each of the 16
// points while they multiply, and each holds 8 tiles x 8 columns. A dilated convolution is as many interleaved ones.
// SPDX-License-Identifier: MIT
const TILES = 32;
const QUADS = 8;
const POINTS = 16;
const FILTERS = POINTS * TILES;  // where transformed filters begin

// V[point][tile] of four channels, then U[point][channel][quad]; afterwards M[point][tile][quad] of a quarter of the tiles.
var<workgroup> space: array<vec4f, 1024>;

// The output pixel (n, y, x) that tile `tile` begins with.
fn origin(tile: i32) -> vec3i {
  let tx = tile % u.tiles_x;
  let rest = tile / u.tiles_x;
  let ty = rest % u.tiles_y;
  return vec3i(rest / u.tiles_y, ty / u.dilation_y * 2 * u.dilation_y + ty % u.dilation_y,
               tx / u.dilation_x * 2 * u.dilation_x + tx % u.dilation_x);
}

fn pixel(image: i32, y: i32, x: i32, k: i32) -> vec4f {
  if (y < 0 || y >= u.height || x < 0 || x >= u.width) { return vec4f(0.0); }
  return x_at4(image + y * u.a_y + x * u.a_x + k, u.depth - k);
}

// A quarter of the tiles back: every invocation makes one pixel of a tile and a quad.
fn finish(quarter: i32, t: i32, first_tile: i32, first_column: i32) {
  let out_quad = t % QUADS;
  let out_tile = t / QUADS % 8;
  let dy = t / 128;
  let dx = t / 64 % 2;
  let column = first_column + out_quad * 4;
  let n = min(4, u.columns - column);
  // Rows and columns of A': 1 1 1 0 and 0 1 -1 -1.
  var v = vec4f(0.0);
  for (var i = 0; i < 3; i++) {
    let from_row = out_tile * QUADS + out_quad + (dy + i) * 4 * 8 * QUADS;
    let m0 = space[from_row + dx * 8 * QUADS];
    let m1 = space[from_row + (dx + 1) * 8 * QUADS];
    let m2 = space[from_row + (dx + 2) * 8 * QUADS];
    let sum = m0 + select(m1 + m2, -m1 - m2, dx == 1);
    v += select(sum, -sum, dy == 1 && i > 0);
  }
  let tile_out = first_tile + (quarter * 2 + out_tile / 4) * 4 + out_tile % 4;
  let to = origin(tile_out) + vec3i(0, dy * u.dilation_y, dx * u.dilation_x);
  if (tile_out < u.tiles && n > 0 && to.y < u.row_y && to.z < u.row_x) {
    v += bias_at4(column, 4);
    let residual = residual_at4(to.x * u.r_n + to.y * u.r_y + to.z * u.r_x + column, n);
    y_set4(to.x * u.o_n + to.y * u.o_y + to.z * u.o_x + column, epilogue(v, residual, slope_at4(column, 4)), n);
  }
}

@compute @workgroup_size(WG_X, WG_Y, WG_Z)
fn main(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  let first_tile = i32(block.x) * TILES;
  let first_column = i32(block.y) * QUADS * 4;
  // Half of the invocations transform a row of points of an input tile each, the others one of a filter quad.
  let half_t = t % 128;
  let row = half_t / 32;
  let tile = half_t % 32;
  let at = origin(first_tile + tile);
  let image = at.x * u.a_n;
  // Rows of the input that make up a row of B'd: 0-2, 1+2, 2-1, 1-3.
  let ya = at.y + u.first_y + select(select(1, 2, row == 2), 0, row == 0) * u.dilation_y;
  let yb = at.y + u.first_y + select(select(2, 3, row == 3), 1, row == 2) * u.dilation_y;
  let rows_sign = select(-1.0, 1.0, row == 1);
  let x = at.z + u.first_x;
  let tile_inside = first_tile + tile < u.tiles;
  let filter_k = half_t % 32 / QUADS;
  let filter_quad = half_t % QUADS;
  let filter_column = first_column + filter_quad * 4;
  // Rows of G.
  let g = select(select(vec3f(0.5, select(0.5, -0.5, row == 2), 0.5), vec3f(0.0, 0.0, 1.0), row == 3),
                 vec3f(1.0, 0.0, 0.0), row == 0);

  let point = t / 16;
  let tile_group = t % 4;
  let column_group = t / 4 % 4;
  // Sums of 2 quads and 8 tiles, two of each quarter.
#unroll r 4
#unroll h 2
  var sum0$r$h = vec4f(0.0);
  var sum1$r$h = vec4f(0.0);
#end h
#end r
  for (var k0 = 0; k0 < u.depth; k0 += 4) {
    if (t < 128) {
#unroll j 4
      var e$j = vec4f(0.0);
#end j
      if (tile_inside) {
#unroll j 4
        e$j = pixel(image, ya, x + $j * u.dilation_x, k0) + rows_sign * pixel(image, yb, x + $j * u.dilation_x, k0);
#end j
      }
      space[(row * 4 + 0) * TILES + tile] = e0 - e2;
      space[(row * 4 + 1) * TILES + tile] = e1 + e2;
      space[(row * 4 + 2) * TILES + tile] = e2 - e1;
      space[(row * 4 + 3) * TILES + tile] = e1 - e3;
    } else {
      let k = k0 + filter_k;
#unroll j 3
      var e$j = vec4f(0.0);
#end j
      if (k < u.depth && filter_column < u.columns) {
        let w = k * u.w_k + filter_column;
#unroll j 3
        e$j = g.x * w_at4(w + $j * u.w_tap, 4) + g.y * w_at4(w + ($j + 3) * u.w_tap, 4) + g.z * w_at4(w + ($j + 6) * u.w_tap, 4);
#end j
      }
      let to = FILTERS + (row * 4 * 4 + filter_k) * QUADS + filter_quad;
      space[to] = e0;
      space[to + 4 * QUADS] = 0.5 * (e0 + e1 + e2);
      space[to + 8 * QUADS] = 0.5 * (e0 - e1 + e2);
      space[to + 12 * QUADS] = e2;
    }
    workgroupBarrier();
    let a_at = point * TILES + tile_group;
    let b_at = FILTERS + point * 4 * QUADS + column_group;
#unroll r 4
#unroll h 2
    let a$r$h = space[a_at + (2 * $r + $h) * 4];
#end h
#end r
#unroll j 2
    {
      let b0 = space[b_at + $j * 4];
      let b1 = space[b_at + $j * 4 + QUADS];
      let b2 = space[b_at + $j * 4 + 2 * QUADS];
      let b3 = space[b_at + $j * 4 + 3 * QUADS];
#unroll r 4
#unroll h 2
      sum$j$r$h += a$r$h.x * b0 + a$r$h.y * b1 + a$r$h.z * b2 + a$r$h.w * b3;
#end h
#end r
    }
#end j
    workgroupBarrier();
  }

  // Back, a quarter of the tiles at a time.
  let to_space = (point * 8 + tile_group) * QUADS + column_group;
#unroll r 4
#unroll h 2
#unroll j 2
  space[to_space + $h * 4 * QUADS + $j * 4] = sum$j$r$h;
#end j
#end h
  workgroupBarrier();
  finish($r, t, first_tile, first_column);
  workgroupBarrier();
#end r
}
