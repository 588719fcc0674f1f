// What the tests run inside a page: sources, measurements, and results in a form that can leave the page.
// SPDX-License-Identifier: MIT

/** The test photo as a blob. */
export async function photo() {
  return (await fetch('/photo.jpg')).blob();
}

/** The test photo stretched to `width` x `height`, as a JPEG. */
export async function largePhoto(width, height) {
  const bitmap = await createImageBitmap(await photo());
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
}

/** The bytes of a blob, for the outside. */
export async function base64(blob) {
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(',') + 1);
}

/** A result without its blobs, and with the bytes of the picture. */
export async function portable({ width, height, processingTimeSeconds, blob, execution }) {
  return { width, height, processingTimeSeconds, type: blob.type, base64: await base64(blob), execution };
}

/** How a promise ends: `{value}` or `{error: {name, code, message, typed}}`. */
export async function outcome(promise, DecalError) {
  try {
    return { value: await promise };
  } catch (error) {
    const { name, code, message } = error;
    return { error: { name, code, message, typed: error instanceof DecalError } };
  }
}

/**
 * How a call ends that is aborted after so many ms: the name of the error (or `resolved`), whether it is the signal's own
 * reason, and how many tasks the page ran between the abort and the end. Tasks and not ms: a busy machine may stop for
 * any time between two lines, but an end at once never lets another task run. `early`: it had ended before the abort.
 */
export async function abortAfter(call, wait) {
  const controller = new AbortController();
  let end = null;
  call(controller.signal).then(({ revoke }) => (revoke(), { name: 'resolved', own: false }),
    (error) => ({ name: error.name, own: error === controller.signal.reason })).then((how) => { end = how; });
  await new Promise((resolve) => setTimeout(resolve, wait));
  const early = end !== null;
  controller.abort();
  let tasks = 0;
  const { port1, port2 } = new MessageChannel();
  for (; ; ++tasks) {
    const next = new Promise((resolve) => { port1.onmessage = resolve; });
    port2.postMessage(null);
    await next;
    if (end) break;
  }
  port1.close();
  return { early, tasks, ...end };
}

/**
 * How calls end that are aborted after these shares of the time that a whole one takes here, whatever the machine (see
 * abortAfter). A call that ended before its abort shows nothing: the time measured was too long, and it is tried again
 * with a shorter one.
 */
export async function aborts(decal, picture, shares) {
  await decal.removeBackground(picture).then(({ revoke }) => revoke());
  const start = performance.now();
  await decal.removeBackground(picture).then(({ revoke }) => revoke());
  let whole = performance.now() - start;
  const ends = [];
  for (const share of shares) {
    const attempt = () => abortAfter((signal) => decal.removeBackground(picture, { signal }), share * whole);
    let end = await attempt();
    for (let again = 0; end.early && again < 5; ++again) {
      whole *= 0.7;
      end = await attempt();
    }
    ends.push({ share, ...end });
  }
  return ends;
}

/** The size of the picture behind an address, as the browser shows it. */
export async function imageSize(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}

/** Premultiplied by the canvas, so colours are only exact where alpha is 255: [r, g, b, a] at each point. */
export async function pixelsAt(blob, points) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  return points.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
}

/**
 * Runs `work` while a message bounces through the page's event loop. Returns the longest wait between two bounces and
 * the longest task that the browser itself reports (it reports those over 50 ms), in ms.
 */
export async function longestBlock(work) {
  let longestTask = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestTask = Math.max(longestTask, duration);
  });
  observer.observe({ type: 'longtask' });

  let longestGap = 0;
  let beating = true;
  let last = performance.now();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = performance.now();
    longestGap = Math.max(longestGap, now - last);
    last = now;
    // A pause between beats: the heart must not itself be a load on a machine with two cores.
    if (beating) setTimeout(() => port2.postMessage(null), 2);
  };
  port2.postMessage(null);

  const value = await work();
  await new Promise((resolve) => setTimeout(resolve, 50));
  beating = false;
  observer.disconnect();
  port1.close();
  return { value, longestGap, longestTask };
}
