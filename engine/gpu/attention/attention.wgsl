// softmax(q k' + biases) v with the softmax made on the way (Dao 2022, "FlashAttention"): one invocation holds a query and its
// sums in registers, a workgroup shares tiles of keys and values. Four keys at a time, so that the sums are rescaled
// once for four. Vectors of a query and of its sums are DQ and EQ.
// SPDX-License-Identifier: MIT
const THREADS = WG_X;
// What absent keys score: far below LOWEST, which is the least that a key can score (masks hold -inf).
const ABSENT = -1e38;
const LOWEST = -1e30;

var<workgroup> tile_k: array<vec4f, KEYS * DQ>;
var<workgroup> tile_v: array<vec4f, KEYS * EQ>;

@compute @workgroup_size(WG_X, WG_Y, WG_Z)
fn main(@builtin(workgroup_id) block: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  let query = i32(block.x) * THREADS + t;
  let m = min(query, u.queries - 1);  // every invocation takes part in loading tiles
  let head = i32(block.y);
  let batch = i32(block.z);
  let q_at_m = batch * u.q_b + m * u.q_n + head * u.q_h;
  let k_at_head = batch * u.k_b + head * u.k_h;
  let v_at_head = batch * u.v_b + head * u.v_h;
  let plane0 = b0_plane(batch + u.first_batch, head) + m * u.b0_row;
  let plane1 = b1_plane(batch + u.first_batch, head) + m * u.b1_row;
#unroll d DQ
  let q$d = q_at4(q_at_m + $d * 4, D - $d * 4) * u.scale;
#end d
#unroll e EQ
  var sum$e = vec4f(0.0);
#end e
  var total = 0.0;
  var largest = ABSENT;
  for (var n0 = 0; n0 < u.keys; n0 += KEYS) {
    for (var i = t; i < KEYS * DQ; i += THREADS) {
      let n = n0 + i / DQ;
      let d = i % DQ * 4;
      var x = vec4f(0.0);
      if (n < u.keys) { x = k_at4(k_at_head + n * u.k_n + d, D - d); }
      tile_k[i] = x;
    }
    for (var i = t; i < KEYS * EQ; i += THREADS) {
      let n = n0 + i / EQ;
      let e = i % EQ * 4;
      var x = vec4f(0.0);
      if (n < u.keys) { x = v_at4(v_at_head + n * u.v_n + e, E - e); }
      tile_v[i] = x;
    }
    workgroupBarrier();
    for (var j = 0; j < min(KEYS, u.keys - n0); j += 4) {
      let n = n0 + j;
      var s = vec4f(0.0);
      let k_at = j * DQ;
#unroll d DQ
      s += vec4f(dot(q$d, tile_k[k_at + $d]), dot(q$d, tile_k[k_at + DQ + $d]), dot(q$d, tile_k[k_at + 2 * DQ + $d]),
                 dot(q$d, tile_k[k_at + 3 * DQ + $d]));
#end d
      s += b0_at4(plane0 + n / 4 * u.b0_quad, u.keys - n) + b1_at4(plane1 + n / 4 * u.b1_quad, u.keys - n);
      s = select(vec4f(ABSENT), max(s, vec4f(LOWEST)), vec4i(n, n + 1, n + 2, n + 3) < vec4i(u.keys));
      let most = max(largest, max(max(s.x, s.y), max(s.z, s.w)));
      let rescale = exp(largest - most);
      let p = exp(s - most);
      largest = most;
      total = total * rescale + dot(p, vec4f(1.0));
      let v_at = j * EQ;
#unroll e EQ
      sum$e = sum$e * rescale + p.x * tile_v[v_at + $e] + p.y * tile_v[v_at + EQ + $e] + p.z * tile_v[v_at + 2 * EQ + $e] +
              p.w * tile_v[v_at + 3 * EQ + $e];
#end e
    }
    workgroupBarrier();
  }
  if (query >= u.queries) { return; }
  let y_at_m = batch * u.y_b + m * u.y_n + head * u.y_h;
#unroll e EQ
  y_set4(y_at_m + $e * 4, sum$e / total, E - $e * 4);
#end e
}
