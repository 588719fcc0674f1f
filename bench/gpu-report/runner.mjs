// Runs the report's steps, each in a process of its own with a time limit, and writes the page anew after each.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reportOf, reportPage } from './page.mjs';
import { append, readRecords, recordsFile, writeWhole } from './records.mjs';

/** A step that gets less than this many seconds is not begun. */
const kLeast = 3;
const kKeptOutput = 64 << 10;

/** Writes report.json and report.md of what is recorded in `folder`. */
export function writeReport(folder) {
  const report = reportOf(readRecords(folder));
  writeWhole(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeWhole(join(folder, 'report.md'), reportPage(report));
  return report;
}

/** The last line of `text` that says something, without folders of this machine. */
function lastLine(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => /\w/.test(line));
  const telling = lines.findLast((line) => /error|failed|memory/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return telling.replace(/(?:file:\/\/)?(?:\/[\w.@+-]+){2,}\//g, '').slice(0, 300);
}

/**
 * Runs one step and resolves to how it ended: `done`, `failed`, `time limit` or `interrupted`, with `why` where it did not finish.
 *
 * @param {{command: string[]}} step program and arguments; it appends records of its own
 */
function runOne(step, folder, seconds, signal) {
  return new Promise((resolve) => {
    const [program, ...args] = step.command;
    // A group of its own, so that what it has started ends with it.
    const child = spawn(program, args, {
      detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DECAL_REPORT: folder, DECAL_REPORT_SECONDS: String(seconds) },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        output = (output + bytes).slice(-kKeptOutput);
      });
    }
    let ended = null;
    const end = (how) => {
      ended ??= how;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => end({ state: 'time limit', why: `not finished within ${seconds} s` }), 1000 * seconds);
    const interrupt = () => end({ state: 'interrupted', why: 'the run was interrupted' });
    signal.addEventListener('abort', interrupt, { once: true });
    const finish = (how) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
      resolve(ended ?? how);
    };
    child.on('error', (error) => finish({ state: 'failed', why: error.message }));
    child.on('close', (code, by) => finish(code === 0 ? { state: 'done' }
      : { state: 'failed', why: `${by ?? `status ${code}`}: ${lastLine(output)}` }));
  });
}

/**
 * Runs `steps` in order until `seconds` are over. Each is `{id, letter, title, limit, command}`, or a function that makes that, or
 * null for nothing, of the records so far. `folder` is emptied of an older report first.
 *
 * @returns {Promise<object>} the report (see reportOf)
 */
export async function runSteps(steps, { folder, seconds, facts = {}, signal = new AbortController().signal, say = console.log }) {
  mkdirSync(folder, { recursive: true });
  rmSync(recordsFile(folder), { force: true });
  append(folder, { step: 'run', kind: 'begin', date: new Date().toISOString(), seconds, ...facts });
  const deadline = performance.now() + 1000 * seconds;
  for (const each of steps) {
    const step = typeof each === 'function' ? each(readRecords(folder)) : each;
    if (!step) continue;
    const { id, letter, title, limit } = step;
    const about = { step: id, letter, title };
    const left = Math.floor((deadline - performance.now()) / 1000);
    if (signal.aborted || left < kLeast) {
      append(folder, { ...about, kind: 'end', state: 'not run', why: signal.aborted ? 'the run was interrupted' : 'no time was left' });
      continue;
    }
    const allowed = Math.min(limit, left);
    say(`(${letter}) ${title}: at most ${allowed} s`);
    append(folder, { ...about, kind: 'start', allowed });
    const since = performance.now();
    const how = await runOne(step, folder, allowed, signal);
    append(folder, { ...about, kind: 'end', ...how, seconds: Math.round((performance.now() - since) / 100) / 10 });
    say(`(${letter}) ${title}: ${how.state}${how.why ? ` (${how.why})` : ''}`);
    writeReport(folder);
  }
  append(folder, { step: 'run', kind: 'end', state: signal.aborted ? 'interrupted' : 'done' });
  return writeReport(folder);
}
