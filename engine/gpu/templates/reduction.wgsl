// States of kept items, each joined over a run of elements; then one result an item, or one for every element.
//
// A workgroup has KEPT items side by side and RUN lanes along the run of each. A state holds four lanes: those of four
// items that are neighbours in memory (WIDTH), of four neighbours along the run (UNIT), or one alone. Around this stand
//   start(stage), join(a, b, stage), take(s, stage, at, n)   the states; `carried` holds those of the stages before
//   emit(item, split, at, n) or store(at, n)                 the results
//   joined_run(s, stage, kept_lane, run_lane, ..)            a run's states joined, for all its lanes (a file of its own each way)
// with the offsets of operands x, y, scale and bias in `at`, and n the lanes that exist.
// SPDX-License-Identifier: MIT
alias State = array<vec4f, PARTS>;
const LANES = KEPT * RUN;
var<private> carried: array<State, STAGES>;

fn masked(v: vec4f, n: i32, filler: vec4f) -> vec4f {
  return select(filler, v, vec4i(0, 1, 2, 3) < vec4i(n));
}

// The four lanes of a state are parts of one run: all of them become what joins them.
fn across(s: State, stage: i32) -> State {
  var t = s;
  for (var p = 0; p < PARTS; p++) { t[p] = s[p].zwxy; }
  let half = join(s, t, stage);
  for (var p = 0; p < PARTS; p++) { t[p] = half[p].yxwz; }
  return join(half, t, stage);
}

@compute @workgroup_size(WG_X, WG_Y, WG_Z)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) local: u32 SUBGROUP_BUILTINS) {
  let t = i32(local);
  let number = item(group, groups, local) / LANES;
  let kept_lane = select(t % KEPT, t / RUN, RUN_FIRST);
  let run_lane = select(t / KEPT, t % RUN, RUN_FIRST);
  let split = u.first_split + number % u.splits;
  let index = u.first_item + number / u.splits * KEPT + kept_lane;
  let inside = index < u.end_item;
  let column = index % u.inner_items * WIDTH;
  let kept = min(WIDTH, u.inner - column);
  let base = kept_at(index / u.inner_items * u.inner + column);
  let begin = split * u.length;
  let end = select(begin, min(u.units, begin + u.length), inside);
  for (var stage = 0; stage < STAGES; stage++) {
    var s = start(stage);
    for (var e = begin + run_lane; e < end; e += RUN) {
      s = take(s, stage, base + run_at(e * UNIT), select(kept, min(UNIT, u.run - e * UNIT), UNIT > 1));
    }
    carried[stage] = joined_run(s, stage, kept_lane, run_lane SUBGROUP_ARGUMENTS);
    if (UNIT > 1) { carried[stage] = across(carried[stage], stage); }
    workgroupBarrier();
  }
  if (EVERY) {
    for (var e = begin + run_lane; e < end; e += RUN) {
      store(base + run_at(e * UNIT), select(kept, min(UNIT, u.run - e * UNIT), UNIT > 1));
    }
  } else if (inside && run_lane == 0) {
    emit(index, split, base, kept);
  }
}
