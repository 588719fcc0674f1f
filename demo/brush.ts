// The brush: strokes over the large picture, in its pixels, drawn while the hand moves.
// SPDX-License-Identifier: MIT
import { element } from './dom.ts';
import type { Stroke } from './picture_tasks.ts';

interface BrushHooks {
  painted: (stroke: Stroke) => void;
  undo: () => void;
}

export class Brush {
  readonly #frame = element('frame', HTMLElement);
  readonly #canvas = element('strokes', HTMLCanvasElement);
  readonly #size = element('brush-size', HTMLInputElement);
  readonly #undo = element('undo', HTMLButtonElement);
  #picture = { width: 0, height: 0 };
  #stroke: Stroke | null = null;

  constructor(readonly hooks: BrushHooks) {
    for (const choice of document.querySelectorAll('input[name="brush"]')) choice.addEventListener('change', () => this.#show());
    this.#size.addEventListener('input', () => this.#show());
    this.#undo.addEventListener('click', hooks.undo);
    this.#canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    this.#canvas.addEventListener('pointermove', (event) => this.#go(event));
    this.#canvas.addEventListener('pointerup', () => this.#end());
    this.#canvas.addEventListener('pointercancel', () => this.#drop());
    this.#show();
  }

  /** The size of the picture that is painted on; none while there is no result. */
  show(picture: { width: number; height: number } | null, canUndo: boolean): void {
    this.#picture = picture ?? { width: 0, height: 0 };
    this.#undo.disabled = !canUndo;
    this.#show();
  }

  get #mode(): string {
    return document.querySelector<HTMLInputElement>('input[name="brush"]:checked')!.value;
  }

  #show(): void {
    const painting = this.#mode !== '' && this.#picture.width > 0;
    this.#canvas.hidden = !painting;
    this.#frame.classList.toggle('painting', painting);
    element('brush-row', HTMLElement).hidden = this.#mode === '';
    element('brush-words', HTMLElement).textContent = `${this.#size.value} of 20`;
    if (!painting) this.#drop();
  }

  #begin(event: PointerEvent): void {
    if (event.button !== 0 || this.#stroke) return;
    event.preventDefault();
    this.#canvas.setPointerCapture(event.pointerId);
    // A size of 1 is a hundredth of the long side across.
    const radius = (this.#size.valueAsNumber * Math.max(this.#picture.width, this.#picture.height)) / 200;
    this.#stroke = { keep: this.#mode === 'keep', radius: Math.max(radius, 1), points: [] };
    const { clientWidth, clientHeight } = this.#canvas;
    Object.assign(this.#canvas, { width: clientWidth, height: clientHeight });
    this.#go(event);
  }

  #go(event: PointerEvent): void {
    const stroke = this.#stroke;
    if (!stroke) return;
    const scale = this.#picture.width / this.#canvas.clientWidth;
    stroke.points.push([event.offsetX * scale, event.offsetY * scale]);
    const context = this.#canvas.getContext('2d')!;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.lineCap = context.lineJoin = 'round';
    context.lineWidth = (2 * stroke.radius) / scale;
    context.strokeStyle = stroke.keep ? 'rgb(40 170 90 / 55%)' : 'rgb(220 60 60 / 55%)';
    context.beginPath();
    for (const [x, y] of [stroke.points[0]!, ...stroke.points]) context.lineTo(x / scale, y / scale);
    context.stroke();
  }

  #end(): void {
    const stroke = this.#stroke;
    this.#drop();
    if (stroke) this.hooks.painted(stroke);
  }

  #drop(): void {
    this.#stroke = null;
    this.#canvas.getContext('2d')?.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }
}
