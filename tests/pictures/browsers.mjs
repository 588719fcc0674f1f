// The table's files through the package in a browser: what each becomes, in the form of the command's reports, and what is known to differ.
// SPDX-License-Identifier: MIT
import { startSite } from '../browser/support/site.mjs';
import { until } from '../browser/engines/engines.mjs';
import { distance, pictureFault, refusalFault } from './support.mjs';

/** Files at a time: a report of all would keep one call of a driver waiting for too long. */
const kAtATime = 20;

const kPremultiplied = 'canvases store premultiplied colours in 8 bits';
const kInks = 'Chromium mixes black into the other inks before it uses the profile; Firefox and WebKit ignore CMYK profiles';

/** Kinds that are read; of others every file is `unsupported`. */
const kReads = ['PNG', 'JPEG', 'GIF', 'WebP', 'AVIF', 'BMP, ICO', 'SVG', 'damaged PNG', 'damaged JPEG', 'other damage', 'not read'];
const kAlsoReads = { Chromium: ['JPEG XL'], Firefox: [], WebKitGTK: [] };

/**
 * By file: how far each browser is off what is right beyond the table's tolerance, in levels of 255, and why. More than 2 is said in
 * `notes`. `refuses`: the browsers that cannot decode it, with code `unsupported`.
 */
export const kKnown = {
  'png-16-round.png': { off: { Chromium: 1, WebKitGTK: 1 }, why: 'it truncates 16 bits to 8 instead of rounding' },
  'png-grey-alpha.png': { off: { WebKitGTK: 2 }, why: kPremultiplied },
  'icon.ico': { off: { Chromium: 1, Firefox: 1, WebKitGTK: 1 }, why: kPremultiplied },
  'lossless.jxl': { off: { Chromium: 1 }, why: kPremultiplied },
  'pq.jxl': { off: { Chromium: 49 }, why: 'it has its own tone mapping' },
  'jpeg-table-profile.jpg': { off: { Chromium: 7, Firefox: 7 }, why: 'it interpolates the lookup table coarsely', note: 'profile of tables' },
  'jpeg-cmyk-profile.jpg': { off: { Chromium: 122, Firefox: 188, WebKitGTK: 188 }, why: kInks, note: '^CMYK' },
  'jpeg-cmyk-table.jpg': { off: { Chromium: 122, Firefox: 188, WebKitGTK: 188 }, why: kInks, note: '^CMYK' },
  'jpeg-arithmetic.jpg': { refuses: ['Firefox'], why: 'its decoder does not support arithmetic coding' },
  'avif-grid.avif': { refuses: ['Firefox'], why: 'its decoder does not support grids' },
  'avif-ycgco.avif': { off: { Firefox: 255 }, why: 'it decodes YCgCo with another matrix', note: 'YCgCo' },
  'avif-limited.avif': { off: { Chromium: 12, Firefox: 12, WebKitGTK: 12 }, why: 'all three use libyuv, whose fixed-point arithmetic on x86 clips the factor for blue', note: 'limited range' },
};

/** Empty where the browser of that name did with a file what is right, or what is known. */
export function browserFault(name, entry, report) {
  if (!report) return 'not a word about it';
  if (!kReads.includes(entry.kind) && !kAlsoReads[name].includes(entry.kind)) {
    return refusalFault({ code: 'unsupported', message: entry.kind === 'not read' ? null : 'not a format that this browser reads' }, report);
  }
  const { off = {}, note = null, refuses = [] } = kKnown[entry.file] ?? {};
  if (refuses.includes(name)) return refusalFault({ code: 'unsupported', message: 'this browser cannot decode it' }, report);
  if (entry.code || report.error) return refusalFault(entry, report);
  const known = off[name] ?? entry.tolerance;
  const wrong = pictureFault({ ...entry, note: entry.note ?? (off[name] ? note : null) }, report, known);
  if (wrong) return wrong;
  const worst = distance(entry, report.patches);
  if (off[name] && worst <= entry.tolerance) return `no longer off by ${off[name]}, but ${worst}`;
  return worst > 2 && worst > entry.tolerance && report.notes.length === 0 ? `off by ${worst} in silence` : '';
}

/** What runs in the page: the whole picture is kept, so that only decoding is looked at. */
async function inPage({ files, patch }) {
  const all = { width: 1, height: 1, data: Uint8Array.of(255) };
  const reports = [];
  for (const file of files) {
    const source = new File([await (await fetch(`/table/${encodeURIComponent(file)}`)).arrayBuffer()], file);
    const { value, error } = await probe.outcome(decal.applyMatte(source, all, { output: { format: 'image/x-rgba8' } }), decal.DecalError);
    if (error) {
      reports.push({ file, error });
      continue;
    }
    const { blob, width, height, notes, revoke } = value;
    revoke();
    const data = new Uint8Array(await blob.arrayBuffer());
    const patches = [];
    for (let y = patch / 2; y < height; y += patch) {
      for (let x = patch / 2; x < width; x += patch) patches.push([...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]);
    }
    reports.push({ file, size: [width, height], notes: [...notes], patches });
  }
  return { reports, agent: navigator.userAgent };
}

/** Reports by file, and the browser's version. */
export async function runBrowser(engine, entries, folder) {
  const site = await startSite({ mounts: { '/table': folder } });
  let browser;
  try {
    browser = await engine.start();
    await browser.open(`${site.url}/module.html`);
    await until(() => browser.evaluate(() => 'decal' in globalThis), 10, 'the page did not load');
    const reports = new Map();
    let { version } = browser;
    for (let at = 0; at < entries.length; at += kAtATime) {
      const files = entries.slice(at, at + kAtATime).map(({ file }) => file);
      const { reports: some, agent } = await browser.evaluate(inPage, { files, patch: 16 });
      for (const report of some) reports.set(report.file, report);
      version ??= /(?:Chrome|Firefox)\/(\d+)/.exec(agent)[1];
    }
    return { reports, version };
  } finally {
    await browser?.close();
    await site.close();
  }
}
