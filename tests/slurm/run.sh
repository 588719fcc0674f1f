#!/usr/bin/env bash
# Runs examples/slurm/decal.sbatch on a real Slurm on this machine (a controller and two nodes on loopback), while tasks, workers and slurmd are
# killed with -9 and tasks are requeued; then checks every result. Not part of `make test`: it needs root and
#   apt-get install slurmctld slurmd slurm-client munge
# PICTURES (2000), ROUNDS (5) and DECAL (build/bin/decal) change what runs. It takes minutes: Slurm holds requeued tasks back for two.
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/../.."
pictures=${PICTURES:-2000} rounds=${ROUNDS:-5} shards=7
decal=$(realpath "${DECAL:-build/bin/decal}")
for tool in slurmctld slurmd sbatch munged node /usr/bin/python3; do
  command -v "$tool" >/dev/null || { echo "slurm: $tool is missing: see the head of $0" >&2; exit 2; }
done
((EUID == 0)) || { echo "slurm: root is needed to start slurmd" >&2; exit 2; }

work=$(mktemp -d /tmp/decal-slurm.XXXXXX)
host=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
declare -A slurmd
stop() {
  scancel --state=RUNNING,PENDING --user=root 2>/dev/null || true
  for pid in "${slurmd[@]}" ${slurmctld:-} ${munged:-}; do
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  if ((${1:-0} == 0)); then rm -rf "$work"; else echo "slurm: left in $work" >&2; fi
}
trap 'stop $?' EXIT

mkdir -p "$work"/{state,munge,photos}
chmod 755 "$work" "$work/munge"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
chmod 600 "$work/munge/key"
munged --force --foreground --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
  --log-file="$work/munge/log" --seed-file="$work/munge/seed" >"$work/munge/out" 2>&1 &
munged=$!

cat >"$SLURM_CONF" <<CONF
ClusterName=decal
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool.%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MinJobAge=300
# Fewer than the shards of a catalogue: a shard is many pictures.
MaxArraySize=$((shards + 1))
NodeName=node0 NodeHostname=$host NodeAddr=127.0.0.1 Port=16818 CPUs=1 State=UNKNOWN
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=16819 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=node[0-1] Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D >"$work/slurmctld.out" 2>&1 &
slurmctld=$!
start_node() {
  slurmd -D -N "$1" >"$work/slurmd.$1.out" 2>&1 &
  slurmd[$1]=$!
}
start_node node0
start_node node1
for _ in $(seq 100); do
  [[ $(sinfo -h -o '%T %D' 2>/dev/null) == "idle 2" ]] && break
  sleep 0.3
done
sinfo
[[ $(sinfo -h -o '%T %D') == "idle 2" ]] || { tail -5 "$work"/*.log "$work"/*.out >&2; exit 1; }

# One in a hundred is broken.
node --input-type=module -e '
  import { writeFile } from "node:fs/promises";
  import sharp from "sharp";
  const [folder, count] = process.argv.slice(1);
  const svg = `<svg width="96" height="64"><rect width="100%" height="100%" fill="#142814"/><circle cx="48" cy="32" r="20" fill="#f0a040"/></svg>`;
  const file = await sharp(Buffer.from(svg)).jpeg().toBuffer();
  for (let i = 0; i < Number(count); ++i) await writeFile(`${folder}/${i}.jpg`, i % 100 === 50 ? "no picture" : file);
' "$work/photos" "$pictures"
find "$work/photos" -name '*.jpg' >"$work/photos.txt"
# The work is the cluster's, not the network's: a model that takes some ten milliseconds a picture.
/usr/bin/python3 -c 'import pathlib, sys; sys.path.insert(0, "tests/python"); import tiny_model
tiny_model.write_tiny_model(pathlib.Path(sys.argv[1]), size=256, layers=40)' "$work/small.onnx"

submit() {
  (cd "$work" && DECAL=$decal DECAL_FROM=$work/photos.txt DECAL_TO=$work/cutouts DECAL_SHARDS=$shards \
    sbatch --parsable --array=0-$((shards - 1)) --cpus-per-task=1 --mem=0 --time=0 "$OLDPWD/examples/slurm/decal.sbatch" --base "$work/photos" --model "$work/small.onnx" -q)
}
running() { squeue -h -j "$1" -t R,CG,PD,CF -r 2>/dev/null | wc -l; }
finish() {
  for _ in $(seq 1800); do
    (($(running "$1") > 0)) || return 0
    # What was killed at its start waits to be released.
    scontrol release "$1" 2>/dev/null || true
    sleep 0.5
  done
  echo "slurm: job $1 does not end" >&2
  squeue >&2
  return 1
}

job=$(submit)
echo "job $job: $shards shards of $pictures pictures"
for round in $(seq "$rounds"); do
  sleep "$((RANDOM % 3 + 1)).$((RANDOM % 10))"
  mapfile -t tasks < <(pgrep -f "^$decal batch --from $work/" || true)
  case $((round % 3)) in
    0) node=node$((RANDOM % 2)); echo "round $round: kill -9 slurmd of $node"; kill -9 "${slurmd[$node]}"; sleep 1; start_node "$node" ;;
    1) task=$(squeue -h -j "$job" -t R -r -o %A | shuf -n 1); echo "round $round: requeue ${task:-nothing}"; [[ -z $task ]] || scontrol requeue "$task" ;;
    2) victim=$(printf '%s\n' "${tasks[@]}" | shuf -n 1); echo "round $round: kill -9 process ${victim:-none}"; [[ -z $victim ]] || kill -9 "$victim" || true ;;
  esac
done
finish "$job"
again=$(submit)
echo "job $again: what is left"
finish "$again"

"$decal" "$work/photos/0.jpg" -o "$work/expected.png" --model "$work/small.onnx" -q
node --input-type=module -e '
  import assert from "node:assert/strict";
  import { readdirSync, readFileSync } from "node:fs";
  const [work, text, expected] = process.argv.slice(1);
  const count = Number(text);
  const broken = (i) => i % 100 === 50;
  const names = Array.from({ length: count }, (_, i) => `${i}.jpg`);
  const outputs = readdirSync(`${work}/cutouts`).filter((name) => name !== ".decal").sort();
  assert.deepEqual(outputs, names.filter((_, i) => !broken(i)).map((name) => `${name}.decal.png`).sort(), "each good picture once, nothing else");
  const whole = readFileSync(expected);
  for (const name of outputs) assert.ok(whole.equals(readFileSync(`${work}/cutouts/${name}`)), name);
  const lines = readdirSync(`${work}/cutouts/.decal`).flatMap((file) => readFileSync(`${work}/cutouts/.decal/${file}`, "utf8").split("\n"))
    .flatMap((line) => { try { return [JSON.parse(line)]; } catch { return []; } });
  const done = lines.filter(({ outcome }) => outcome === "done").map(({ output }) => output).sort();
  assert.deepEqual(done, outputs, "no picture twice as done");
  const failed = new Set(lines.filter(({ outcome }) => outcome === "failed").map(({ output, code }) => `${output} ${code}`));
  assert.deepEqual([...failed].sort(), names.filter((_, i) => broken(i)).map((name) => `${name}.decal.png corrupt-image`).sort());
  const runs = lines.filter(({ run }) => run).length;
  console.log(`slurm: ${outputs.length} results, whole and equal to the command’s; ${failed.size} broken pictures told; ${runs} runs in the journal`);
' "$work" "$pictures" "$work/expected.png"
