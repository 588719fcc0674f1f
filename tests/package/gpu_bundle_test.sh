#!/usr/bin/env bash
# The bundle of `make gpu-bundle` in a clean Debian 12 without Node, browser or network, on a software Vulkan driver: as root.
#   tests/package/gpu_bundle_test.sh [minutes]    by default 30; MIRROR= is a Debian mirror, CLEAN= a clean system's tar
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
minutes=${1:-30}
mirror=${MIRROR:-http://deb.debian.org/debian}
driver=${DRIVER:-/usr/lib/chromium/libvk_swiftshader.so}
archive=$root/dist/decal-gpu-bundle.tar
skip() { echo "NOT TESTED: the GPU bundle: $1" >&2; exit 0; }
fail() { echo "gpu bundle test: $1" >&2; exit 1; }
[[ $(id -u) == 0 ]] || skip "chroot and unshare need root"
[[ -f $archive ]] || fail "$archive: no such file: make gpu-bundle"
[[ -f $driver ]] || skip "there is no software driver at $driver (package chromium)"
(($(stat -c %s "$archive") <= 60000000)) || fail "the archive has more than 60 MB"

# The clean system of chroot_test.sh.
work=$root/build/package-test
clean=${CLEAN:-$work/clean.tar}
system=$work/gpu-system
mkdir -p "$work"
rm -rf "$system"
mkdir "$system"
if [[ -f $clean ]]; then
  tar -C "$system" -xf "$clean"
else
  command -v debootstrap >/dev/null || skip "debootstrap is not installed"
  rm -rf "$system"
  debootstrap --variant=minbase bookworm "$system" "$mirror" >"$work/debootstrap.log" 2>&1 || skip "debootstrap cannot make a system from $mirror"
fi
for absent in usr/bin/node usr/lib/x86_64-linux-gnu/libvulkan.so.1 usr/bin/xz; do
  [[ ! -e $system/$absent ]] || fail "the clean system is not: it has $absent"
done

# The driver alone, as a machine with a GPU has one.
mkdir -p "$system/opt/driver" "$system/root/report"
cp "$driver" "$system/opt/driver/"
printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "/opt/driver/%s", "api_version": "1.0.5"}}\n' "$(basename "$driver")" >"$system/opt/driver/icd.json"
tar -C "$system/root" -xf "$archive"

# Without a network: a namespace of its own has none.
within() { unshare --net --mount --pid --fork -- bash -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root VK_DRIVER_FILES=/opt/driver/icd.json "$@"' "$system" "$@"; }
echo "gpu bundle test: run.sh, $minutes minutes at most"
status=0
within /root/decal-gpu-bundle/run.sh --minutes "$minutes" --out /root/report ${ONLY:+--only "$ONLY"} || status=$?
mkdir -p "$root/build/gpu-bundle/report"
cp "$system"/root/report/re* "$root/build/gpu-bundle/report/"
node - "$root/build/gpu-bundle/report" "${ONLY:-a,b,c,d,e,f,g,h}" <<'CHECK' || status=1
const { readFileSync } = require('node:fs');
const [folder, letters] = process.argv.slice(2);
const { steps, adapter, commit } = JSON.parse(readFileSync(`${folder}/report.json`, 'utf8'));
const page = readFileSync(`${folder}/report.md`, 'utf8');
const wrong = [];
if (!commit) wrong.push('the report does not say of which commit it is');
if (!adapter.software || !page.includes('**This is a software renderer')) wrong.push('a software renderer is not called one');
for (const letter of letters.split(',')) {
  const own = steps.filter((step) => step.letter === letter);
  if (own.length === 0) wrong.push(`no step (${letter})`);
  for (const { title, state, why } of own) if (state !== 'done') wrong.push(`(${letter}) ${title}: ${state}: ${why}`);
}
for (const line of wrong) console.error(`gpu bundle test: ${line}`);
process.exit(wrong.length > 0 ? 1 : 0);
CHECK

# Cut off in the middle of a long step: by a power cut, as it were, and by Ctrl-C.
for how in KILL INT; do
  echo "gpu bundle test: a run that ends by SIG$how"
  within timeout -s "$how" 20 /root/decal-gpu-bundle/run.sh --only a,h --minutes 5 --out "/root/cut-$how" >/dev/null || true
done
within /root/decal-gpu-bundle/run.sh --page /root/cut-KILL >/dev/null || status=1
node - "$system/root" <<'CHECK' || status=1
const { readFileSync } = require('node:fs');
for (const [how, state] of [['KILL', 'cut off'], ['INT', 'interrupted']]) {
  const folder = `${process.argv[2]}/cut-${how}`;
  const { complete, steps } = JSON.parse(readFileSync(`${folder}/report.json`, 'utf8'));
  const page = readFileSync(`${folder}/report.md`, 'utf8');
  const found = JSON.stringify(steps.map((step) => step.state));
  if (complete || found !== JSON.stringify(['done', state]) || !page.includes('**The run was cut off') || !page.includes('Adapter: ')) {
    console.error(`gpu bundle test: a run that ended by SIG${how} left ${found}, complete: ${complete}`);
    process.exit(1);
  }
}
CHECK
rm -rf "$system"
((status == 0)) || fail "failed; what it found is in build/gpu-bundle/report"
echo "gpu bundle test: passed; the report is in build/gpu-bundle/report"
