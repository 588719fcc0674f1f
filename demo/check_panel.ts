// The button under "How it ran" that checks the graphics card, and what it found.
// SPDX-License-Identifier: MIT
import type { CheckOutcome, GpuCheck } from './check.ts';
import { element } from './dom.ts';
import { sizeInWords } from './strings.ts';

export function prepareCheck(): void {
  const button = element('check', HTMLButtonElement);
  const status = element('check-status', HTMLElement);
  const facts = element('check-facts', HTMLElement);
  const report = element('check-copy', HTMLButtonElement);
  let text = '';
  report.hidden = true;
  button.addEventListener('click', async () => {
    button.disabled = true;
    report.hidden = true;
    facts.replaceChildren();
    try {
      const { checkGpu } = await import('./check.js');
      const check = await checkGpu((step) => (status.textContent = step));
      const wrong = check.outcomes.filter(({ right }) => !right);
      status.textContent = wrong.length === 0
        ? `All ${check.outcomes.length} kernels compute what the processor does.` : `${wrong.length} of ${check.outcomes.length} kernels are wrong.`;
      facts.replaceChildren(...checkFacts(check).flatMap(([name, value]) => [
        Object.assign(document.createElement('dt'), { textContent: name }),
        Object.assign(document.createElement('dd'), { textContent: value }),
      ]));
      text = JSON.stringify({ browser: navigator.userAgent, ...check }, null, 1);
      report.hidden = !navigator.clipboard?.writeText;
    } catch (error) {
      status.textContent = `Not checked: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      button.disabled = false;
    }
  });
  report.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = 'The report is in the clipboard.';
    } catch (error) {
      status.textContent = `Not copied: ${error instanceof Error ? error.message : String(error)}`;
    }
  });
}

const scientific = (value: number | null) => (value === null ? 'did not run' : value.toExponential(1));

function checkFacts({ adapter, facts, decision, limits, selfTest, outcomes }: GpuCheck): [string, string][] {
  const offers = (name: string) => (facts.features.includes(name) ? 'yes' : 'no');
  const groups = (['fp32', 'fp16'] as const).map((precision) => [precision, outcomes.filter((one) => one.precision === precision)] as const);
  return [
    ['Adapter', adapter],
    ['Used for photos', decision.provider === 'webgpu' ? 'yes' : `no: ${decision.reasons.join('; ')}`],
    ['Self-test', 'error' in selfTest ? selfTest.error : `${selfTest.ms.toFixed(1)} ms, off by ${scientific(selfTest.maxError)}`],
    ['16-bit floats', offers('shader-f16')],
    ['Subgroups', limits.mostSubgroup > 0 ? `${limits.leastSubgroup} to ${limits.mostSubgroup}` : offers('subgroups')],
    ['Timestamps', offers('timestamp-query')],
    ['Largest buffer', sizeInWords(limits.bufferBytes)],
    ['Largest binding', sizeInWords(limits.bindingBytes)],
    ['Workgroups', `${limits.workgroupInvocations} invocations, ${sizeInWords(limits.workgroupBytes)}`],
    ...groups.filter(([, of]) => of.length > 0).map(([precision, of]): [string, string] => [`Kernels, ${precision}`, kernelsInWords(of)]),
  ];
}

function kernelsInWords(of: readonly CheckOutcome[]): string {
  const wrong = of.filter(({ right }) => !right);
  const worst = of.reduce((most, one) => ((one.error ?? Infinity) > (most.error ?? Infinity) ? one : most));
  const summary = `${of.length - wrong.length} of ${of.length} right, at most ${scientific(worst.error)} off (${worst.name})`;
  return [summary, ...wrong.map(({ name, error, why }) => `${name}: ${why ?? `off by ${scientific(error)}`}`)].join('; ');
}
