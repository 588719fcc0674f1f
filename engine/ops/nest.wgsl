// y = combine(a, b, c), element by element over merged dimensions. An invocation makes WIDTH elements side by side.
@compute @workgroup_size(WG_X, WG_Y, WG_Z)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) local: u32) {
  let i = item(group, groups, local);
  if (i >= u.items) { return; }
  let at = offsets(i * WIDTH);
  let v = combine(load_a(at.x), load_b(at.y), load_c(at.z));
  store(at.w, v);
}
