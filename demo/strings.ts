// What there is to choose, what ran and what went wrong, in plain words.
// SPDX-License-Identifier: MIT
import type { Capabilities, DecalErrorCode, Execution, ModelInfo, ProgressState } from 'decal';
import type { VideoStats } from 'decal/video';
import type { Photo } from './photos.ts';
import type { ImageType } from './picture_tasks.ts';

export function sizeInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes}\u00a0B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)}\u00a0kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)}\u00a0MB`;
}

export function timeInWords(seconds: number): string {
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

/** Where it computes, after "on": "the processor, 4 threads". */
export function placeInWords({ provider, threads }: { provider: Execution['provider']; threads: number }): string {
  if (provider === 'webgpu') return 'the graphics card';
  return `the processor, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

/** The line at the foot of the page, before anything ran. */
export function engineInWords(capabilities: Capabilities): string {
  return `Runs on ${placeInWords({ provider: capabilities.device, threads: capabilities.threads })}`;
}

/** Which provider ran and why not a better one: the first paragraph under "How it ran". */
export function executionInWords(execution: Execution, capabilities: Capabilities | null): string {
  const parts = [
    execution.provider === 'webgpu'
      ? 'Computed on the graphics card through WebGPU.'
      : `Computed on ${placeInWords(execution)}, through WebAssembly.`,
  ];
  const notBetter = execution.downgraded?.reason ?? '';
  if (notBetter) parts.push(sentence(`not on the graphics card: ${notBetter}`));
  // Added by the capabilities: the reason for the number of threads.
  const rest = capabilities?.reason.replace(notBetter, '').replace(/^[\s;,]+/, '');
  if (rest) parts.push(sentence(rest));
  return parts.join(' ');
}

/** The rows of the table of facts under "How it ran". */
export function executionFacts(execution: Execution): [string, string][] {
  const simd = execution.simd === 'relaxed' ? 'relaxed (fused multiply-add)' : 'baseline, 128 bits';
  return [
    ['Provider', execution.provider === 'webgpu' ? 'WebGPU' : 'WebAssembly'],
    ['Asked for', execution.requested],
    ['Threads', String(execution.threads)],
    ['SIMD', simd],
    ['Precision', execution.dtype === 'fp16' ? '16-bit float' : '32-bit float'],
    ['Model', execution.passes === 2 ? `${execution.model}, a second time closer to the subject` : execution.model],
    ['Engine memory', sizeInWords(execution.memoryBytes)],
    ...gpuFacts(execution),
  ];
}

function gpuFacts({ gpu, adapter, maxStorageBuffers }: Execution): [string, string][] {
  if (!gpu) return [];
  const name = adapter ? adapter.description || `${adapter.vendor} ${adapter.architecture}`.trim() : '';
  return [
    ['Graphics card', name || 'not told'],
    ['Graphics memory', sizeInWords(gpu.memoryBytes)],
    ['Storage buffers', `${maxStorageBuffers} at most`],
  ];
}

const kStages: [keyof Execution['ms'], string][] = [
  ['load', 'Load model'],
  ['decode', 'Read photo'],
  ['preprocess', 'Prepare'],
  ['inference', 'Find subject'],
  ['postprocess', 'Cut out'],
  ['encode', 'Write PNG'],
];

/** Label, milliseconds and share of the longest stage (0..1), in the order they ran. */
export function executionStages(execution: Execution): { label: string; ms: number; share: number }[] {
  const longest = Math.max(...kStages.map(([stage]) => execution.ms[stage]), Number.MIN_VALUE);
  return kStages.map(([stage, label]) => ({ label, ms: execution.ms[stage], share: execution.ms[stage] / longest }));
}

/** What happens now; `progress` belongs to the model, which only the first photo has to wait for. */
export function progressInWords(progress: ProgressState): { text: string; percent: number | null } {
  if (progress.phase === 'downloading') {
    const { loadedBytes = 0, totalBytes } = progress;
    const all = totalBytes ? `\u00a0of\u00a0${megabytes(totalBytes)}` : '';
    const amount = `${megabytes(loadedBytes)}${all}\u00a0MB`;
    return { text: `Loading the model, ${amount}`, percent: totalBytes ? progress.progress : null };
  }
  if (progress.phase === 'building') return { text: 'Preparing the engine', percent: progress.progress };
  if (progress.phase === 'ready') return { text: 'Removing the background', percent: null };
  return { text: 'Starting', percent: null };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Why it is not on the graphics card, when it was wanted there; '' when it was not or is. */
export function downgradeInWords({ downgraded }: Execution): string {
  return downgraded ? sentence(`not on the graphics card: ${downgraded.reason}`) : '';
}

/** The caption of a photo in the strip. */
export function stateInWords({ state }: Photo): string {
  if (state.kind === 'done') return timeInWords(state.result.processingTimeSeconds);
  return { waiting: 'waiting', working: 'in work', failed: 'failed', cancelled: 'stopped' }[state.kind];
}

/** For screen readers: beginnings and ends only; percents would drown everything else. */
export function announcement({ name, state }: Photo): string {
  return {
    waiting: '',
    working: `Removing the background of ${name}`,
    done: `${name}: background removed`,
    failed: `${name}: failed`,
    cancelled: `${name}: cancelled`,
  }[state.kind];
}

/** "2 of 5 done, 1 failed". */
export function queueInWords(photos: readonly Photo[]): string {
  const count = (kind: Photo['state']['kind']): number => photos.filter(({ state }) => state.kind === kind).length;
  const rest = [[count('failed'), 'failed'], [count('cancelled'), 'stopped']] as const;
  const parts = rest.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return [`${count('done')} of ${photos.length} done`, ...parts].join(', ');
}

export function edgesInWords(amount: number): string {
  if (amount === 0) return 'as found';
  return amount < 0 ? `${-amount} tighter` : `${amount} wider`;
}

export function formatInWords(type: ImageType, transparent: boolean): string {
  return {
    'image/png': transparent ? 'Lossless; keeps transparency.' : 'Lossless.',
    'image/webp': transparent ? 'Small; keeps transparency.' : 'Small.',
    'image/jpeg': transparent ? 'No transparency: white takes its place.' : 'Small; opens everywhere.',
  }[type];
}

/** A line in the list of models. */
export function modelLine({ name, bytes }: ModelInfo, used: boolean): string {
  return [name, bytes === null ? '' : sizeInWords(bytes), used ? 'in use' : ''].filter(Boolean).join(' · ');
}

/** Licence, size, and where the weights are. */
export function modelInWords({ licence, bytes, cached, file, url }: ModelInfo): string {
  const size = bytes === null ? 'size unknown' : sizeInWords(bytes);
  const away = url ? `downloaded from ${new URL(url).host}` : 'without an address';
  const place = file ? 'comes with this page' : cached ? 'on this device already' : away;
  return `Licence: ${licence} · ${size} · ${place}`;
}

export function modelAction({ bytes, cached, file }: ModelInfo): string {
  if (cached || file) return 'Use this model';
  return bytes === null ? 'Download and use' : `Download ${sizeInWords(bytes)} and use`;
}

/** '' where the weights may be used for anything. */
export function licenceWarning({ licence }: ModelInfo): string {
  return /non-commercial/i.test(licence) ? 'Not for commercial use: the licence of these weights forbids it.' : '';
}

const kProblems: Partial<Record<DecalErrorCode, [title: string, hint: string]>> = {
  'corrupt-image': ['This file cannot be read as a picture', 'It may be damaged or in a format that this browser does not know. JPEG, PNG, WebP and AVIF work everywhere.'],
  'out-of-memory': ['Not enough memory', 'Close other tabs, or try a smaller picture.'],
  'limit-exceeded': ['This picture is too large', 'Try a smaller version of it.'],
  network: ['The model could not be loaded', 'Check the connection and try again. Nothing was lost.'],
  'not-found': ['The model could not be loaded', 'Its file is missing on the server. Try again later.'],
  'corrupt-model': ['The model arrived damaged', 'Try again: it will be fetched anew.'],
  'webgpu-unavailable': ['WebGPU is not available', 'Let the page choose the device itself.'],
  'webgpu-failed': ['The graphics card could not run this model', 'Let the page choose the device itself.'],
  'device-lost': ['The graphics card was reset', 'Try again: it is opened anew.'],
  unsupported: ['This browser cannot run Decal', 'It needs WebAssembly with SIMD: any current browser has it.'],
};

/** Title and hint for a failure. The error's own message is shown beside them, as detail. */
export function problemInWords(error: unknown): { title: string; hint: string; detail: string } {
  const code = (error as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' ? kProblems[code as DecalErrorCode] : undefined;
  const [title, hint] = known ?? ['That did not work', 'Try again. If it keeps failing, reload the page.'];
  const message = error instanceof Error ? error.message : String(error);
  return { title, hint, detail: typeof code === 'string' ? `${code}: ${message}` : message };
}

const kCameraProblems: Record<string, [title: string, hint: string]> = {
  NotAllowedError: ['The camera was not allowed', 'Allow it for this page, in the address bar or the system’s settings, and try again.'],
  SecurityError: ['The camera is not to be had here', 'Browsers give it to pages over https alone.'],
  NotFoundError: ['No camera was found', 'Plug one in and try again.'],
  OverconstrainedError: ['No camera was found', 'Plug one in and try again.'],
  NotReadableError: ['The camera does not start', 'Another program may be using it. Close that and try again.'],
};

const kStreamProblems: Partial<Record<DecalErrorCode, [title: string, hint: string]>> = {
  io: ['The camera has stopped', 'It was unplugged or taken away. Try again when it is back.'],
  unsupported: ['This browser does not do live video', 'Current versions of Chromium, Firefox and Safari do. Photos work here all the same.'],
  network: kProblems['network']!,
  'not-found': kProblems['not-found']!,
  'corrupt-model': kProblems['corrupt-model']!,
};

/** Title and hint for a camera that is not there, or is no more. */
export function cameraProblem(error: unknown): { title: string; hint: string; detail: string } {
  const told = problemInWords(error);
  const { code, cause } = (error ?? {}) as { code?: DecalErrorCode; cause?: unknown };
  const reason = cause instanceof Error || cause instanceof DOMException ? cause.name : '';
  const [title, hint] = kCameraProblems[reason] ?? (code && kStreamProblems[code]) ?? [told.title, told.hint];
  return { title, hint, detail: told.detail };
}

/** "1280 × 720, 30 frames a second" and where it is computed. */
export function cameraFacts({ width, height, provider, threads }: VideoStats, rate: number): string {
  const place = provider ? `\nComputed on ${placeInWords({ provider, threads })}` : '';
  return `${width} × ${height}, ${Math.round(rate)} frames a second${place}`;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`;
}
