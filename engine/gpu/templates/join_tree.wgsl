// Joins the states of a run's lanes through workgroup memory: a tree, with a barrier for each level. Any device can.
// SPDX-License-Identifier: MIT
var<workgroup> states: array<State, KEPT * RUN>;

fn joined_run(s: State, stage: i32, kept_lane: i32, run_lane: i32) -> State {
  states[run_lane * KEPT + kept_lane] = s;
  for (var reach = RUN / 2; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (run_lane < reach) {
      let at = run_lane * KEPT + kept_lane;
      states[at] = join(states[at], states[at + reach * KEPT], stage);
    }
  }
  workgroupBarrier();
  let whole = states[kept_lane];
  workgroupBarrier();
  return whole;
}
