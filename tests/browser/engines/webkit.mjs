// WebKitGTK's MiniBrowser by WebKitWebDriver, on a display of its own: the nearest that Debian has to Safari.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Builder, Capabilities } from 'selenium-webdriver';
import { freePort } from '../support/free_port.mjs';

const kDriver = process.env.WEBKIT_DRIVER_PATH ?? '/usr/bin/WebKitWebDriver';
const kDisplay = process.env.XVFB_PATH ?? '/usr/bin/Xvfb';
/** Both start within a second on an idle machine. */
const kStartMs = 30_000;
const kScriptMs = 60_000;

const absent = [kDriver, kDisplay].filter((path) => !existsSync(path));

export const webkit = {
  name: 'WebKitGTK',
  missing: absent.length > 0 && `NOT TESTED: no WebKitGTK: ${absent.join(' and ')} missing; install webkit2gtk-driver and xvfb`,
  /**
   * Whether the browser's process has died, by the driver's error. Seen in one of 6 runs beside other work, while a page started and
   * ended workers, and in none of 4 on an idle machine.
   */
  crashed: ({ name, message }) => name === 'NoSuchSessionError' || /page crash|Could not parse script result/.test(message),
  async start() {
    const display = await startDisplay();
    let service;
    try {
      service = await startDriver(display.name);
      const capabilities = new Capabilities({ browserName: 'MiniBrowser' });
      const driver = await new Builder().usingServer(service.url).withCapabilities(capabilities).build();
      await driver.manage().setTimeouts({ script: kScriptMs });
      return {
        version: (await driver.getCapabilities()).getBrowserVersion(),
        open: (url) => driver.get(url),
        async evaluate(work, argument) {
          const { value, error } = await driver.executeAsyncScript(
            `const [argument, done] = arguments;
             Promise.resolve(argument).then(${work}).then((value) => done({ value }), (error) => done({ error: String(error) }));`,
            argument ?? null,
          );
          if (error !== undefined) throw new Error(error);
          return value;
        },
        screenshot: async () => Buffer.from(await driver.takeScreenshot(), 'base64'),
        async close() {
          await driver.quit();
          service.end();
          display.end();
        },
      };
    } catch (error) {
      service?.end();
      display.end();
      throw error;
    }
  },
};

/** An X server that picks a free display by itself. */
async function startDisplay() {
  const options = ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'];
  const child = spawn(kDisplay, options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const number = await new Promise((resolve, reject) => {
    child.stdio[3].once('data', (data) => resolve(String(data).trim()));
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`${kDisplay} ended with status ${status}`)));
    setTimeout(() => reject(new Error(`${kDisplay} did not start`)), kStartMs).unref();
  });
  return { name: `:${number}`, end: () => child.kill() };
}

async function startDriver(display) {
  // The driver cannot choose a port and tell which.
  const port = await freePort();
  // Rendering on the CPU: test machines have neither a display nor a GPU.
  const environment = { ...process.env, DISPLAY: display, LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_DMABUF_RENDERER: '1' };
  const child = spawn(kDriver, [`--port=${port}`], { stdio: 'ignore', env: environment });
  const url = `http://127.0.0.1:${port}`;
  const end = () => child.kill();
  const deadline = performance.now() + kStartMs;
  while (!(await fetch(`${url}/status`).then(({ ok }) => ok, () => false))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      end();
      throw new Error(`${kDriver} did not start`);
    }
    await sleep(50);
  }
  return { url, end };
}
