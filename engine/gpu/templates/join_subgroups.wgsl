// Joins the states of a workgroup's lanes, all of one run: within subgroups through registers, then one state a subgroup through workgroup
// memory. Which lanes a subgroup has does not matter, as all are of one run. Subgroups have at least LEAST lanes.
// SPDX-License-Identifier: MIT
var<workgroup> states: array<State, (RUN + LEAST - 1) / LEAST>;

fn joined_run(s: State, stage: i32, kept_lane: i32, run_lane: i32, subgroup: u32, subgroups: u32, size: u32) -> State {
  var mine = s;
  for (var reach = 1u; reach < size; reach *= 2u) {
    var other = mine;
    for (var p = 0; p < PARTS; p++) { other[p] = subgroupShuffleXor(mine[p], reach); }
    mine = join(mine, other, stage);
  }
  if (subgroupElect()) { states[subgroup] = mine; }
  workgroupBarrier();
  var whole = states[0];
  for (var i = 1u; i < subgroups; i++) { whole = join(whole, states[i], stage); }
  workgroupBarrier();
  return whole;
}
