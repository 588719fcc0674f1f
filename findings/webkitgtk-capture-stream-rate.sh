#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# WebKitGTK's canvas.captureStream() without a rate takes the first frames and no others; with a rate it takes all.
#
# Expected: without a rate a stream has a new frame each time that the canvas is drawn on (Media Capture from DOM Elements, 4.1).
# Seen (Debian's WebKitGTK 2.50.6, selenium-webdriver as below): a canvas is filled with another colour 25 times a second for five seconds. A
# video element that plays captureStream() has shown one or two frames by then, one that plays captureStream(25) about 100.
# Fails when that is no longer so. Needs node, npm, webkit2gtk-driver and xvfb.
set -euo pipefail
folder=$(mktemp -d)
driver=
trap 'kill -- "-$driver" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error selenium-webdriver@4.46.0 >/dev/null
cat >look.mjs <<'JS'
import { createServer } from 'node:http';
import { Builder, Capabilities } from 'selenium-webdriver';

const page = '<!doctype html><title>frames</title><canvas width=160 height=120></canvas><video muted playsinline></video>';
const site = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(page));
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const capabilities = new Capabilities({ browserName: 'MiniBrowser' });
const driver = await new Builder().usingServer(process.env.DRIVER).withCapabilities(capabilities).build();
await driver.manage().setTimeouts({ script: 30_000 });
const shown = async (...rate) => {
  await driver.get(`http://127.0.0.1:${site.address().port}/`);
  return driver.executeAsyncScript(function (rate, done) {
    const canvas = document.querySelector('canvas'), video = document.querySelector('video');
    const context = canvas.getContext('2d');
    let drawn = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${++drawn * 7} 80% 50%)`;
      context.fillRect(0, 0, 160, 120);
    }, 40);
    video.srcObject = canvas.captureStream(...rate);
    video.play().then(() => setTimeout(() => done(video.getVideoPlaybackQuality().totalVideoFrames), 5000), (error) => done(String(error)));
  }, rate);
};
const [without, with25] = [await shown(), await shown(25)];
console.log(`WebKitGTK ${(await driver.getCapabilities()).getBrowserVersion()}: ${without} frames without a rate, ${with25} with 25`);
await driver.quit();
site.close();
process.exit(without <= 5 && with25 >= 40 ? 0 : 1);
JS
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
export DRIVER="http://127.0.0.1:$port"
setsid xvfb-run -a WebKitWebDriver --host=127.0.0.1 --port="$port" >driver.log 2>&1 &
driver=$!
for _ in $(seq 50); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  sleep 0.2
done
node look.mjs
