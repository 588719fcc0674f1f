// Streams of frames as a page has them: from a canvas with a portrait that moves, or from the browser's camera.
// SPDX-License-Identifier: MIT
import * as decal from '/decal/index.js';
import * as video from '/decal/video.js';
import * as probe from './probe.js';

/** All workers that were started, and those that have been ended. */
const workers = { started: 0, ended: 0 };
window.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    ++workers.started;
  }

  terminate() {
    super.terminate();
    ++workers.ended;
  }
};

const shown = document.querySelector('#result');
// By the object model, which the site's policy lets pass.
Object.assign(shown.style, { width: '640px', background: 'repeating-conic-gradient(#ddd 0 25%, #fff 0 50%) 0 0 / 20px 20px' });

/** A portrait, large in a green room, at `fps` frames a second; a person for the model. */
async function portrait({ width = 640, height = 480, fps = 30 } = {}) {
  const photo = await createImageBitmap(await (await fetch('/photo.jpg')).blob());
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d');
  let turn = 0;
  const draw = () => {
    context.fillStyle = `hsl(${turn % 360} 60% 50%)`;
    context.fillRect(0, 0, width, height);
    const w = (height * photo.width) / photo.height;
    context.drawImage(photo, (width - w) / 2 + 4 * Math.sin(turn++ / 10), 0, w, height);
  };
  draw();
  const timer = setInterval(draw, 1000 / fps);
  const stream = canvas.captureStream(fps);
  return { stream, end: () => (clearInterval(timer), stream.getTracks().forEach((track) => track.stop())) };
}

async function show(stream) {
  shown.srcObject = stream;
  await shown.play();
}

/** RGBA of places of the frame that is shown, each given as shares of its width and height. */
function pixels(places) {
  const canvas = Object.assign(document.createElement('canvas'), { width: shown.videoWidth, height: shown.videoHeight });
  const context = canvas.getContext('2d');
  context.drawImage(shown, 0, 0);
  return places.map(([x, y]) => [...context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data]);
}

/** Waits until `holds` does. */
async function until(holds, what, seconds = 15) {
  const end = performance.now() + 1000 * seconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`in ${seconds} s not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Object.assign(window, { decal, video, probe, workers, portrait, show, pixels, until, shown });
