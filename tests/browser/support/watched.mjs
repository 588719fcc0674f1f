// A session whose worker tells its stages and its memory; see pages/watched.js.
// SPDX-License-Identifier: MIT
import { startSession } from './session.mjs';
import { kPackage } from './site.mjs';

const kWorker = "import '/watched.js';\nimport '/decal/worker.js';\n";

export function startWatchedSession({ intercept, decal = kPackage, ...options } = {}) {
  return startSession({
    ...options,
    decal,
    mounts: { '/watched': decal, ...options.mounts },
    async intercept(request, response) {
      if (request.url !== '/watched/worker.js') return (await intercept?.(request, response)) ?? false;
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(kWorker);
      return true;
    },
  });
}

/** In the page: the watched worker instead of the package's own, and `watched` to ask it. */
export async function watch(page) {
  await page.evaluate(async () => {
    const channel = new BroadcastChannel('watched');
    const heard = (is) =>
      new Promise((resolve) => {
        const listen = ({ data }) => {
          if (!is(data)) return;
          channel.removeEventListener('message', listen);
          resolve(data);
        };
        channel.addEventListener('message', listen);
      });
    window.watched = {
      /** Resolves when the worker gets to that stage. */
      stage: (name) => heard(({ stage }) => stage === name),
      /** Blocks that are not freed, and the size of the engine's memory, in bytes. */
      memory() {
        const answer = heard(({ blocks }) => blocks !== undefined);
        channel.postMessage('memory');
        return answer;
      },
    };
    // The engine's workers, without those that are helper threads: to be ended behind the package's back.
    window.workers = [];
    window.Worker = class extends Worker {
      postMessage(message, transfer) {
        if (message.type === 'start') workers.push(this);
        super.postMessage(message, transfer);
      }
    };
    await decal.init({ assetBaseUrl: '/watched' });
  });
}
