#!/usr/bin/env bash
# The packages of `make deb` in a clean Debian 12, made by debootstrap: installed, used as users do, and removed without a trace.
#   tests/package/chroot_test.sh [folder with the packages]    by default dist; asks for root and a Debian mirror (MIRROR=)
# build/package-test keeps the clean system and the downloads for the next run.
#
# Copyright the Decal authors.
# SPDX-License-Identifier: MIT
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
packages=$(cd "${1:-$root/dist}" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
skip() { echo "NOT TESTED: the Debian packages: $1" >&2; exit 0; }
[[ $(id -u) == 0 ]] || skip "debootstrap and chroot need root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
compgen -G "$packages/decal_*.deb" >/dev/null || { echo "package test: no packages in $packages: make deb" >&2; exit 1; }

work=$root/build/package-test
mkdir -p "$work/archives"
# Not below a path with symbolic links or of another owner, which debootstrap refuses.
system=$work/system
if [[ ! -f $work/clean.tar ]]; then
  echo "package test: making a clean system"
  rm -rf "$system"
  debootstrap --variant=minbase bookworm "$system" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -3 "$work/debootstrap.log" >&2; skip "debootstrap cannot make a system from $mirror"; }
  tar -C "$system" -cf "$work/clean.part" . && mv "$work/clean.part" "$work/clean.tar"
fi
rm -rf "$system"
mkdir "$system"
tar -C "$system" -xf "$work/clean.tar"

within() { chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
fail() { echo "package test: $1" >&2; exit 1; }
# The downloads are kept outside; what maintainers' scripts would start stays off.
rm -f "$system/etc/apt/apt.conf.d/docker-clean"
cp -a "$work/archives/." "$system/var/cache/apt/archives/"
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
chmod +x "$system/usr/sbin/policy-rc.d"
[[ -z ${http_proxy:-} ]] || echo "Acquire::http::Proxy \"$http_proxy\";" >"$system/etc/apt/apt.conf.d/99proxy"
echo "deb $mirror bookworm main
deb $mirror bookworm-updates main
deb ${mirror%/debian}/debian-security bookworm-security main" >"$work/sources.list"
cp "$work/sources.list" "$system/etc/apt/sources.list"
within apt-get update -q >"$work/apt.log" 2>&1 || { tail -3 "$work/apt.log" >&2; fail "apt-get update"; }
install_packages() {
  within apt-get install -y -q --no-install-recommends -o APT::Keep-Downloaded-Packages=true "$@" >>"$work/apt.log" 2>&1 ||
    { tail -5 "$work/apt.log" >&2; fail "apt-get install $*"; }
  find "$system/var/cache/apt/archives" -maxdepth 1 -name '*.deb' -exec cp -n {} "$work/archives/" \;
}
mkdir "$system/debs"
cp "$packages"/decal_*.deb "$packages"/decal-video_*.deb "$packages"/libdecal-dev_*.deb "$system/debs/"

echo "package test: decal"
install_packages $(cd "$system" && ls debs/decal_*.deb | sed 's|^|/|')
within decal --version
awk 'BEGIN { print "P3 160 120 255"; for (y = 0; y < 120; y++) for (x = 0; x < 160; x++)
  print ((x - 80) ^ 2 + (y - 60) ^ 2 < 1600 ? "230 120 40" : "20 40 30") }' >"$system/tmp/disc.ppm"
within decal /tmp/disc.ppm -o /tmp/disc.png --json
[[ $(head -c 8 "$system/tmp/disc.png" | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || fail "no PNG came out"
for format in webp jpg; do within decal /tmp/disc.ppm -o "/tmp/disc.$format" -q; done
within decal /tmp/disc.webp -o /tmp/again.png -q
within decal batch --from /tmp/disc.ppm --to /tmp/none -q 2>/dev/null && fail "a picture passes for a list"
printf '/tmp/disc.ppm\n' >"$system/tmp/list"
within decal batch --from /tmp/list --to /tmp/cutouts --base /tmp -q
[[ -s $system/tmp/cutouts/disc.ppm.decal.png ]] || fail "decal batch wrote nothing"
# Not by `within`: the process to signal is decal itself.
chroot "$system" env -i PATH=/usr/bin HOME=/root decal serve --port 0 2>"$work/serve.log" >/dev/null &
server=$!
for _ in $(seq 100); do
  port=$(sed -n 's|.*serving on http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$work/serve.log")
  [[ -z $port ]] || break
  sleep 0.2
done
[[ -n $port ]] || fail "decal serve does not start: $(cat "$work/serve.log")"
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
[[ $(head -n 1 <&3) == *' 200 '* ]] || fail "decal serve is not ready"
exec 3<&-
kill -TERM "$server"
wait "$server" || fail "decal serve ends with $?"
if within decal /etc/passwd -o /tmp/none.png -q 2>/dev/null; then fail "a text file passes for a picture"; fi
[[ ! -e $system/tmp/none.png ]] || fail "something was written for a text file"
within test -s /usr/share/doc/decal/copyright
if within ldd /usr/bin/decal | grep 'not found'; then fail "libraries are missing"; fi
if within ldd /usr/bin/decal | grep libav; then fail "the command loads FFmpeg's libraries"; fi
if within decal video /tmp/clip.mp4 -o /tmp/clip.webm 2>"$work/video.log"; then fail "decal video runs without its package"; fi
grep -q 'install the package decal-video' "$work/video.log" || fail "decal video: $(cat "$work/video.log")"

echo "package test: decal-video"
install_packages $(cd "$system" && ls debs/decal-video_*.deb | sed 's|^|/|')
if within ldd /usr/libexec/decal/decal-video | grep 'not found'; then fail "libraries are missing"; fi
head -c $((5 * 64 * 48 * 3)) /dev/zero >"$system/tmp/frames.rgb"
within sh -c 'decal video - --size 64x48 -o /tmp/clip.webm -q --background red </tmp/frames.rgb'
within decal video /tmp/clip.webm -o /tmp/frames.rgba.%d.png -q --background blue
[[ -s $system/tmp/frames.rgba.5.png ]] || fail "decal video wrote no frames"

echo "package test: libdecal-dev"
install_packages $(cd "$system" && ls debs/libdecal-dev_*.deb | sed 's|^|/|') g++ cmake make
cp -r "$root/tests/install" "$system/tmp/consumer"
within cmake -S /tmp/consumer -B /tmp/consumer/build >"$work/consumer.log" 2>&1 || { cat "$work/consumer.log" >&2; fail "find_package(decal)"; }
within cmake --build /tmp/consumer/build >>"$work/consumer.log" 2>&1 || { tail -20 "$work/consumer.log" >&2; fail "building against the library"; }
within /tmp/consumer/build/consumer

echo "package test: removal"
within apt-get purge -y -q decal decal-video libdecal-dev >>"$work/apt.log" 2>&1
left=$(find "$system/usr" -name '*decal*' | head -5)
[[ -z $left ]] || fail "left behind: $left"
rm -rf "$system"
echo "package test: passed"
