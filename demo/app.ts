// The demo page: takes photos in, from files or the camera, shows one of them with its cut-out, hands the results out.
// SPDX-License-Identifier: MIT
import { getCapabilities, init, subscribeToProgress, type Capabilities, type ProgressState } from 'decal';
import { Brush } from './brush.ts';
import { Camera } from './camera.ts';
import { prepareCheck } from './check_panel.ts';
import { element } from './dom.ts';
import { exportAll, exportPhoto, save } from './export.ts';
import { showFacts } from './facts.ts';
import { listenForPhotos } from './intake.ts';
import { LookChoice } from './look.ts';
import { ModelChoice } from './model_choice.ts';
import { prepareOffline } from './offline.ts';
import { Photos, type Photo } from './photos.ts';
import { Stage } from './stage.ts';
import { Strip } from './strip.ts';
import { Tabs } from './tabs.ts';
import { announcement, engineInWords, queueInWords } from './strings.ts';

let capabilities: Capabilities | null = null;
let progress: ProgressState = { phase: 'idle', progress: 0, sessionId: 0 };
let current: Photo | null = null;

const photos = new Photos((photo) => {
  const gone = !photos.list.includes(photo);
  if (gone && current === photo) current = photos.list.at(-1) ?? null;
  showList();
  if (gone || photo === current) showCurrent();
  if (!gone) status.textContent = announcement(photo) || status.textContent;
});
const stage = new Stage({
  cancel: () => current && photos.cancel(current),
  retry: () => current && photos.again(current),
});
const choice = new LookChoice({ changed: () => void dress(), failed: notify });
const brush = new Brush({
  painted: (stroke) => void paint((photo) => photo.paint(stroke)),
  undo: () => void paint((photo) => photo.undo()),
});
const models = new ModelChoice({
  use: (name) => {
    photos.model = name;
    if (current) photos.again(current);
  },
  told: notify,
});
const pick = listenForPhotos({ take, expect: warmUp, failed: notify });
const camera = new Camera({ still: (picture) => take([picture]), failed: notify });
// Whoever looks away from it does not want to be seen.
const tabs = new Tabs((tab) => tab === 'camera' || camera.turnOff());
const strip = new Strip({ select, remove: (photo) => photos.remove(photo), pick });

const status = element('status', HTMLElement);
const notice = element('notice', HTMLElement);
const start = document.querySelector<HTMLElement>('.start')!;
const work = document.querySelector<HTMLElement>('.work')!;
const download = element('download', HTMLButtonElement);
const downloadAll = element('download-all', HTMLButtonElement);
const copy = element('copy', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);

function take(files: File[]): void {
  const [first] = files.map((file) => photos.add(file));
  if (!first) return;
  tabs.show('photos');
  select(first);
}

/** Loads the model while the visitor still looks for a photo. If it fails, the first photo tries again and reports the error. */
function warmUp(): void {
  init({ model: photos.model }).catch(() => undefined);
}

// ---- one photo is shown ----

function select(photo: Photo): void {
  current = photo;
  showList();
  showCurrent();
}

function showList(): void {
  strip.show(photos.list, current);
  const pending = photos.pending.length;
  element('queue', HTMLElement).hidden = photos.list.length < 2;
  element('queue-words', HTMLElement).textContent = queueInWords(photos.list);
  if (pending === 0 && document.activeElement === stop) strip.addButton.focus();
  stop.hidden = pending === 0;
  downloadAll.disabled = photos.done.length === 0;
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
  showFacts(current, capabilities);
  showBrush();
  if (done) void dress();
}

function showBrush(): void {
  brush.show(current?.state.kind === 'done' ? current.state.result : null, current?.canUndo ?? false);
}

/** A stroke, or taking one back. */
async function paint(change: (photo: Photo) => Promise<void>): Promise<void> {
  const photo = current;
  if (photo?.state.kind !== 'done') return;
  stage.setDressing(true);
  try {
    await change(photo);
  } catch (error) {
    notify(`Not painted: ${message(error)}`);
  }
  if (photo !== current) return;
  showBrush();
  await dress();
}

let dressings = 0;

/** Shows the photo as it would be downloaded now. */
async function dress(): Promise<void> {
  const photo = current;
  if (photo?.state.kind !== 'done') return;
  const { look, type } = choice;
  const mine = ++dressings;
  stage.setDressing(true);
  try {
    const [backdrop] = await Promise.all([photo.backdrop(look.background), photo.cutout(look.edges)]);
    if (mine !== dressings || photo !== current) return;
    stage.show(photo, progress);
    stage.setBackground(backdrop || (type === 'image/jpeg' ? '#ffffff' : ''));
  } catch (error) {
    if (mine === dressings && photo === current) notify(`Not changed: ${message(error)}`);
  } finally {
    if (mine === dressings) stage.setDressing(false);
  }
}

// ---- results go out ----

stop.addEventListener('click', () => {
  for (const photo of photos.pending) photos.cancel(photo);
});

download.addEventListener('click', async () => {
  const photo = current;
  const { look, type } = choice;
  if (photo?.state.kind !== 'done') return;
  try {
    save(await exportPhoto(photo, look, type), photo.fileName(type));
  } catch (error) {
    notify(`Not saved: ${message(error)}`);
  }
});

downloadAll.addEventListener('click', async () => {
  downloadAll.disabled = true;
  try {
    save(await exportAll(photos.done, choice.look, choice.type), 'decal.zip');
  } catch (error) {
    notify(`Not saved: ${message(error)}`);
  }
  showList();
});

// Clipboards take PNG only.
copy.hidden = typeof ClipboardItem === 'undefined' || !navigator.clipboard?.write;
copy.addEventListener('click', async () => {
  if (current?.state.kind !== 'done') return;
  try {
    // The promise goes in as it is: Safari allows writing only within the click itself.
    const png = exportPhoto(current, choice.look, 'image/png');
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
    notify('Copied');
  } catch (error) {
    notify(`Not copied: ${message(error)}`);
  }
});

// ---- status messages ----

let noticeTimer = 0;

function notify(text: string): void {
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (notice.hidden = true), 5000);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

subscribeToProgress((state) => {
  const first = state.phase !== progress.phase;
  progress = state;
  if (current?.state.kind === 'working') {
    stage.showProgress(progress);
    if (first && state.phase === 'downloading') status.textContent = 'Loading the model';
  }
  if (first && state.phase === 'ready') void tellEngine();
});

async function tellEngine(): Promise<void> {
  try {
    capabilities = await getCapabilities();
    const engine = element('engine', HTMLElement);
    engine.textContent = engineInWords(capabilities);
    engine.title = capabilities.reason;
    if (current?.state.kind === 'done') showFacts(current, capabilities);
    await models.refresh();
  } catch {
    // The first photo will fail with the same reason, and say so where it is read.
  }
}

prepareCheck();
void tellEngine();
void prepareOffline({
  ready: () => (element('offline', HTMLElement).hidden = false),
  updated: (apply) => {
    const update = element('update', HTMLButtonElement);
    update.hidden = false;
    update.onclick = apply;
  },
});
