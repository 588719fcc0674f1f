// The table's files through the package in a browser: what each becomes, in the form of the command's reports.
// SPDX-License-Identifier: MIT
import { startSite } from '../browser/support/site.mjs';
import { until } from '../browser/engines/engines.mjs';

/** Files at a time: a report of all would keep one call of a driver waiting for too long. */
const kAtATime = 20;

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

/** Reports by file, and the browser's version; `open` gives a browser, an engine's `start` by default. */
export async function runBrowser(engine, entries, folder, options = {}) {
  const site = await startSite({ mounts: { '/table': folder } });
  let browser;
  try {
    browser = await engine.start(options);
    await browser.open(`${site.url}/module.html`);
    await until(() => browser.evaluate(() => 'decal' in globalThis), 10, 'the page did not load');
    const reports = new Map();
    let version = '';
    for (let at = 0; at < entries.length; at += kAtATime) {
      const files = entries.slice(at, at + kAtATime).map(({ file }) => file);
      const { reports: some, agent } = await browser.evaluate(inPage, { files, patch: 16 });
      for (const report of some) reports.set(report.file, report);
      version = /(?:Chrome|Firefox|Version)\/([\d.]+)/.exec(agent)[1];
    }
    return { reports, version };
  } finally {
    await browser?.close();
    await site.close();
  }
}
