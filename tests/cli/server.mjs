// Helpers of the server's tests: a server of its own for each, and requests down to the byte.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { kDecal, kSanitized, quickModel } from './support.mjs';

/** Whether this build has a server. */
export async function hasServer() {
  const child = spawn(kDecal, ['serve', '--token-file', '/nowhere'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (piece) => { stderr += piece; });
  await once(child, 'close');
  return !stderr.includes('this build has no server');
}

/** Options of a server whose network is not the subject: the plain build runs the default one, a sanitized one a model of a millisecond. */
export const kAnyModel = kSanitized ? ['--model', quickModel()] : [];

/** Starts `decal serve` on a free port; ends it after the test. {url, port, child, log(), stderr(), ended} */
export async function serve(test, args = [], env = {}) {
  const child = spawn(kDecal, ['serve', '--port', '0', '--threads', '1', ...args], { env: { ...process.env, DECAL_SERVE_TOKEN: '', ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece) => { stdout += piece; });
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal }));
  const url = await new Promise((resolve, reject) => {
    child.stderr.on('data', (piece) => {
      stderr += piece;
      const [, found] = /serving on (http:\S+)\//.exec(stderr) ?? [];
      if (found) resolve(found);
    });
    ended.then(() => reject(new Error(stderr)));
  });
  test.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { url, port: Number(new URL(url).port), child, log: () => stdout, stderr: () => stderr, ended };
}

/** Sends `pieces` (texts, buffers, milliseconds to wait, or promises to wait for) over a connection of its own; resolves to all that comes back, as text. */
export async function raw(port, pieces, { end = false, limit = 30000 } = {}) {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  const closed = new Promise((resolve) => {
    socket.on('data', (piece) => { answer += piece.toString('latin1'); });
    socket.on('error', () => {});
    socket.on('close', resolve);
  });
  const timer = setTimeout(() => socket.destroy(), limit);
  for (const piece of pieces) {
    if (typeof piece === 'number') await sleep(piece);
    else if (piece instanceof Promise) await piece;
    else if (!socket.destroyed) socket.write(piece);
  }
  if (end) socket.end();
  await closed;
  clearTimeout(timer);
  return answer;
}

/** Asks until `holds` says so; an error that names `what` after a minute. */
export async function until(holds, what) {
  const end = performance.now() + 60000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`);
    await sleep(5);
  }
}

/** The status and, of errors, the code of a raw answer. */
export function readAnswer(answer) {
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? 0);
  return { status, code: /"code":"([a-z-]+)"/.exec(answer)?.[1] };
}

/** A form of fetch with a file and fields. */
export function form(file, fields = {}) {
  const data = new FormData();
  if (file) data.set('file', new Blob([file]), 'picture');
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}
