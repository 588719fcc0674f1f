// What makes a page hard to use for some: axe's rules, and texts of little contrast, which axe leaves out over gradients and pictures.
// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** To be evaluated in a page first. */
export const kAxe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What of a page is hard to use, on a phone and a desktop, light and dark, each as a text that begins with `when`. It has kAxe. */
export async function problemsOf(page, when) {
  const found = [];
  for (const [width, height] of [[390, 844], [1280, 820]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const texts = [...(await page.evaluate(weakText)), ...(await page.evaluate(violations))];
      found.push(...texts.map((text) => `${when}, ${width} wide, ${colorScheme}: ${text}`));
    }
  }
  return found;
}

/** Runs in the page, after kAxe: the rules of WCAG 2.2 A and AA that it breaks. */
async function violations() {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
  const told = ({ target, failureSummary }) => `${target} ${failureSummary}`;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(told).join('; ')}`);
}

/** Runs in the page: texts whose colour is too close to what is behind them. Disabled controls are exempt, as in WCAG. */
function weakText() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data.trim()).join('');
    if (!text || !element.checkVisibility() || element.closest(':disabled, [aria-hidden="true"]')) continue;
    const style = getComputedStyle(element);
    const [high, low] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) weak.push(`"${text.slice(0, 30)}" has ${ratio.toFixed(2)}`);
  }
  return weak;
}
