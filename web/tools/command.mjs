// What the tools share: arguments, one-line errors and their own memory.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** Parses arguments; prints `usage` and ends with status 1 if they do not fit. */
export function readArguments(usage, positionalCount, options) {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options });
    if (positionals.length === positionalCount) return { values, positionals };
  } catch (error) {
    console.error(error.message);
  }
  console.error(`usage: ${usage}`);
  process.exit(1);
}

/** A whole number of at least 1, or undefined where the option is absent. */
export function positive(values, name) {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} ${text}: a whole number, 1 or more`);
  return Number(text);
}

/** An error with one of the package's codes. */
export function coded(message, code) {
  return Object.assign(new Error(message), { code });
}

/** Runs `step`; its error names `file`. */
export async function naming(file, step) {
  try {
    return await step();
  } catch (error) {
    if (!error.message.startsWith(file)) error.message = `${file}: ${error.message}`;
    throw error;
  }
}

/** Runs `main`; an error becomes one line and status 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    const text = error.code === 'ERR_MODULE_NOT_FOUND' ? `${error.message} (npm install && npm run build?)` : error.message;
    const code = /^[a-z-]+$/.test(error.code ?? '') ? ` (${error.code})` : '';
    console.error(`error: ${String(text).replaceAll('\n', ' ')}${code}`);
    process.exitCode = 1;
  }
}

/**
 * The most memory this process has held, in bytes. On Linux not from getrusage, which starts at what the process that
 * started this one held.
 */
export function peakBytes() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
