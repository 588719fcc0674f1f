// The demo page: takes photos in, shows one of them with its cut-out, hands the result out.
import { getCapabilities, init, subscribeToProgress, type Capabilities, type ProgressState } from 'decal';
import { exportPicture, type ExportOptions } from './export.ts';
import { prepareOffline } from './offline.ts';
import { Photos, type Photo } from './photos.ts';
import { Stage } from './stage.ts';
import { element } from './dom.ts';
import { Strip } from './strip.ts';
import { engineInWords, executionFacts, executionInWords, executionStages, placeInWords, sizeInWords, timeInWords } from './words.ts';

// Written by build.mjs: whether sample.jpg lies beside the page.
declare const kHasSample: boolean;

let capabilities: Capabilities | null = null;
let progress: ProgressState = { phase: 'idle', progress: 0, sessionId: 0 };
let current: Photo | null = null;

const stage = new Stage({
  cancel: () => current && photos.cancel(current),
  retry: () => current && photos.retry(current),
});
const strip = new Strip({ select, remove: (photo) => photos.remove(photo), pick });
const photos = new Photos((photo) => {
  const gone = !photos.list.includes(photo);
  if (gone && current === photo) current = photos.list.at(-1) ?? null;
  strip.show(photos.list, current);
  if (gone || photo === current) showCurrent();
  if (!gone) announce(photo);
});

// ---- photos come in ----

const input = element('files', HTMLInputElement);

function pick(): void {
  input.click();
  warmUp();
}

function take(files: Iterable<File>): void {
  let first: Photo | null = null;
  for (const file of files) {
    // Without a type the file may still be a picture: the decoder will tell.
    if (file.type !== '' && !file.type.startsWith('image/')) {
      notify(`${file.name} is not a picture`);
      continue;
    }
    const photo = photos.add(file);
    first ??= photo;
  }
  if (first) select(first);
}

/** Loads the model while the visitor still looks for a photo. A failure is told by the first photo, which tries again. */
function warmUp(): void {
  init().catch(() => undefined);
}

input.addEventListener('change', () => {
  take([...(input.files ?? [])]);
  // So that the same file can be chosen twice in a row.
  input.value = '';
});
element('pick', HTMLButtonElement).addEventListener('click', pick);

// Entering a child fires before leaving its parent: a counter tells when the pointer has really left.
let dragDepth = 0;
addEventListener('dragenter', (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return;
  dragDepth++;
  document.body.classList.add('dragging');
  warmUp();
});
addEventListener('dragleave', () => {
  dragDepth = Math.max(0, dragDepth - 1);
  if (dragDepth === 0) document.body.classList.remove('dragging');
});
addEventListener('dragover', (event) => {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
});
addEventListener('drop', (event) => {
  event.preventDefault();
  dragDepth = 0;
  document.body.classList.remove('dragging');
  take([...(event.dataTransfer?.files ?? [])]);
});
addEventListener('paste', (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) take(files);
  else notify('The clipboard holds no picture');
});

const sample = element('sample', HTMLButtonElement);
sample.hidden = !kHasSample;
sample.addEventListener('click', async () => {
  try {
    const response = await fetch('sample.jpg');
    if (!response.ok) throw new Error(String(response.status));
    take([new File([await response.blob()], 'grace-hopper.jpg', { type: 'image/jpeg' })]);
  } catch {
    notify('The sample could not be loaded');
  }
});

if (/Mac|iPhone|iPad/.test(navigator.platform)) element('paste-key', HTMLElement).textContent = '⌘';

// ---- one photo is shown ----

const start = document.querySelector<HTMLElement>('.start')!;
const work = document.querySelector<HTMLElement>('.work')!;
const download = element('download', HTMLButtonElement);
const copy = element('copy', HTMLButtonElement);

function select(photo: Photo): void {
  current = photo;
  strip.show(photos.list, current);
  showCurrent();
}

function showCurrent(): void {
  const empty = current === null;
  if (work.hidden !== empty) {
    start.hidden = !empty;
    work.hidden = empty;
    document.body.dataset['view'] = empty ? 'start' : 'work';
    // The focused button has just vanished: reading and tabbing go on from what took its place.
    (empty ? element('pick', HTMLButtonElement) : work).focus({ preventScroll: true });
  }
  stage.show(current, progress);
  const done = current?.state.kind === 'done';
  download.disabled = !done;
  copy.disabled = !done;
  element('name', HTMLElement).textContent = current?.name ?? '';
  showFacts();
}

function showFacts(): void {
  const facts = element('facts', HTMLElement);
  const how = element('how', HTMLDetailsElement);
  const state = current?.state;
  how.hidden = state?.kind !== 'done';
  if (!current || state?.kind !== 'done') {
    facts.textContent = current ? sizeInWords(current.file.size) : '';
    return;
  }
  const { width, height, processingTimeSeconds, execution } = state.result;
  facts.textContent = `${width} × ${height}\n${timeInWords(processingTimeSeconds)} on ${placeInWords(execution)}`;
  element('how-words', HTMLElement).textContent = executionInWords(execution, capabilities);
  element('how-stages', HTMLElement).replaceChildren(
    ...executionStages(execution).map(({ label, ms, share }) => {
      const row = document.createElement('tr');
      const head = Object.assign(document.createElement('th'), { scope: 'row', textContent: label });
      const bar = document.createElement('td');
      const fill = Object.assign(document.createElement('div'), { className: 'share' });
      fill.style.setProperty('--share', String(share));
      bar.append(fill);
      const time = document.createElement('td');
      time.textContent = ms === 0 ? 'none' : timeInWords(ms / 1000);
      row.append(head, bar, time);
      return row;
    }),
  );
  element('how-facts', HTMLElement).replaceChildren(
    ...executionFacts(execution).flatMap(([name, value]) => [
      Object.assign(document.createElement('dt'), { textContent: name }),
      Object.assign(document.createElement('dd'), { textContent: value }),
    ]),
  );
}

// ---- the result goes out ----

function chosen(): ExportOptions {
  const background = document.querySelector<HTMLInputElement>('input[name="background"]:checked')!.value;
  return {
    type: document.querySelector<HTMLInputElement>('input[name="format"]:checked')!.value as ExportOptions['type'],
    background: background === 'own' ? colour.value : background,
  };
}

const colour = element('colour', HTMLInputElement);
for (const event of ['click', 'input']) {
  colour.addEventListener(event, () => {
    element('own', HTMLInputElement).checked = true;
    showChoice();
  });
}
for (const choice of document.querySelectorAll('input[name="background"], input[name="format"]')) {
  choice.addEventListener('change', showChoice);
}

function showChoice(): void {
  const { type, background } = chosen();
  stage.setBackground(background || (type === 'image/jpeg' ? '#ffffff' : ''));
  element('format-note', HTMLElement).textContent = {
    'image/png': 'Lossless; keeps transparency.',
    'image/webp': 'Small; keeps transparency.',
    'image/jpeg': background === '' ? 'No transparency: white takes its place.' : 'Small; opens everywhere.',
  }[type];
}

download.addEventListener('click', async () => {
  if (!current || current.state.kind !== 'done') return;
  const photo = current;
  const options = chosen();
  try {
    const blob = await exportPicture(current.state.result.blob, options);
    const url = URL.createObjectURL(blob);
    Object.assign(document.createElement('a'), { href: url, download: photo.fileName(options.type) }).click();
    // The download has its own hold on the blob once it has begun; a minute is ample for that.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    notify(`Not saved: ${error instanceof Error ? error.message : String(error)}`);
  }
});

// Clipboards take PNG only.
copy.hidden = typeof ClipboardItem === 'undefined' || !navigator.clipboard?.write;
copy.addEventListener('click', async () => {
  if (!current || current.state.kind !== 'done') return;
  try {
    // The promise goes in as it is: Safari allows writing only within the click itself.
    const png = exportPicture(current.state.result.blob, { ...chosen(), type: 'image/png' });
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
    notify('Copied');
  } catch (error) {
    notify(`Not copied: ${error instanceof Error ? error.message : String(error)}`);
  }
});

// ---- what happens is told ----

const status = element('status', HTMLElement);
const notice = element('notice', HTMLElement);
let noticeTimer = 0;

function notify(text: string): void {
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (notice.hidden = true), 5000);
}

/** For screen readers: beginnings and ends only; percents would drown everything else. */
function announce(photo: Photo): void {
  const text = {
    waiting: '',
    working: `Removing the background of ${photo.name}`,
    done: `${photo.name}: background removed`,
    failed: `${photo.name}: failed`,
    cancelled: `${photo.name}: cancelled`,
  }[photo.state.kind];
  if (text) status.textContent = text;
}

subscribeToProgress((state) => {
  const first = state.phase !== progress.phase;
  progress = state;
  if (current?.state.kind === 'working') {
    stage.showProgress(progress);
    if (first && state.phase === 'downloading') status.textContent = 'Loading the model';
  }
  if (state.phase === 'ready') void tellEngine();
});

async function tellEngine(): Promise<void> {
  try {
    capabilities = await getCapabilities();
    const engine = element('engine', HTMLElement);
    engine.textContent = engineInWords(capabilities);
    engine.title = capabilities.reason;
    if (current?.state.kind === 'done') showFacts();
  } catch {
    // The first photo will fail with the same reason, and say so where it is read.
  }
}

showChoice();
void tellEngine();
void prepareOffline({
  ready: () => (element('offline', HTMLElement).hidden = false),
  updated: (apply) => {
    const update = element('update', HTMLButtonElement);
    update.hidden = false;
    update.onclick = apply;
  },
});
