// The entry `decal/imgly`: the functions and Config names of @imgly/background-removal 1.7 on decal's engine, written from
// its documentation and types. docs/migration.md says what each option does here.
// SPDX-License-Identifier: MIT
import * as decal from './index.js';
import { findResources, isTheirs, theirModel } from '../page/imgly-data.js';
import type { DeviceOption, ImageSource as DecalSource, Matte, ModelOption, OutputOptions } from '../shared/types.js';

/** Like an ndarray: height, width and 3 or 4 channels, dense. */
export interface PixelArray {
  data: Uint8Array | Uint8ClampedArray;
  shape: number[];
}

export type ImageSource = ImageData | ArrayBuffer | Uint8Array | Blob | URL | string | PixelArray;

export type ImageFormat = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/x-rgba8' | 'image/x-alpha8';

export interface Config {
  /**
   * The folder of their data (`resources.json` and its chunks, 1.4 to 1.7), whose models then run; decal's own files lie beside
   * its script. Where there is no such data: where decal's files lie (worker.js, the .wasm files, models/).
   */
  publicPath?: string;
  /** Logs progress and what ran. */
  debug?: boolean;
  /** Without effect: results always have the picture's size. */
  rescale?: boolean;
  /** `gpu` uses WebGPU when the pre-flight checks pass, as decal does by default; `cpu` never does. */
  device?: 'cpu' | 'gpu';
  /** Without effect: everything heavy is always in a worker. */
  proxyToWorker?: boolean;
  /** Second argument of the fetch of pictures that are given as addresses. */
  fetchArgs?: RequestInit;
  /** Told while a model is downloaded: its key, and how much of how much, in bytes; in percent where its size is unknown. */
  progress?: (key: string, current: number, total: number) => unknown;
  /**
   * Their three names mean the models at `publicPath` (`isnet_fp16` by default) where their data is there, and IS-Net in full
   * precision (`isnet-general`, 179 MB, from its own address) otherwise; any model of decal's can be given too. Without
   * their data and without a name the model inside the package runs, and nothing else is downloaded.
   */
  model?: 'isnet' | 'isnet_fp16' | 'isnet_quint8' | 'small' | 'medium' | 'large' | ModelOption;
  output?: {
    /** `image/png` by default; `image/x-rgba8` and `image/x-alpha8` are dense pixels, their size in the blob's type. */
    format?: ImageFormat;
    /** 0 to 1, 0.8 by default; for JPEG and WebP. */
    quality?: number;
    /** What removeBackground gives, `foreground` by default. */
    type?: 'foreground' | 'background' | 'mask';
  };
}

/** Cuts the subject out; with `output.type` the background instead, or the mask. */
export async function removeBackground(image: ImageSource, configuration: Config = {}): Promise<Blob> {
  const type = configuration.output?.type ?? 'foreground';
  if (type === 'mask') return segmentForeground(image, configuration);
  if (type === 'background') return removeForeground(image, configuration);
  if (type !== 'foreground') throw invalid('output.type: "foreground", "background" or "mask"');
  return withConfig(configuration, async ({ how, format, quality }) => {
    const source = await toSource(image, configuration);
    if (format === 'image/x-alpha8') return alphaBlob(await decal.segment(source, how));
    return settle(await decal.removeBackground(source, { ...how, output: { format, quality } }));
  });
}
export default removeBackground;

/** What is left of the picture without its subject. */
export function removeForeground(image: ImageSource, configuration: Config = {}): Promise<Blob> {
  return withConfig(configuration, async ({ how, format, quality }) => {
    const source = await toSource(image, configuration);
    if (format !== 'image/x-alpha8') {
      return settle(await decal.removeBackground(source, { ...how, output: { format, quality, backgroundOnly: true } }));
    }
    const matte = await decal.segment(source, how);
    for (let i = 0; i < matte.data.length; ++i) matte.data[i] = 255 - matte.data[i]!;
    return alphaBlob(matte);
  });
}

/** The mask: an opaque grey picture, white where the subject is; with `image/x-alpha8` a byte a pixel. */
export function segmentForeground(image: ImageSource, configuration: Config = {}): Promise<Blob> {
  return withConfig(configuration, async ({ how, format, quality }) => {
    const source = await toSource(image, configuration);
    if (format === 'image/x-alpha8') return alphaBlob(await decal.segment(source, how));
    return settle(await decal.removeBackground(source, { ...how, output: { format, quality, mask: true } }));
  });
}
export const alphamask = segmentForeground;

/** Cuts a picture out along a mask as segmentForeground gives it, also one of another size. */
export function applySegmentationMask(image: ImageSource, mask: ImageSource, configuration: Config = {}): Promise<Blob> {
  return withConfig(configuration, async ({ format, quality }) => {
    const [source, matte] = [await toSource(image, configuration), await toMatte(mask, configuration)];
    if (format !== 'image/x-alpha8') return settle(await decal.applyMatte(source, matte, { output: { format, quality } }));
    const { blob, width, height, revoke } = await decal.applyMatte(source, matte, { output: { format: 'image/x-rgba8' } });
    revoke();
    const rgba = new Uint8Array(await blob.arrayBuffer());
    return alphaBlob({ width, height, data: Uint8ClampedArray.from({ length: width * height }, (_, i) => rgba[4 * i + 3]!) });
  });
}

/** Downloads what a first picture would have to wait for. */
export function preload(configuration: Config = {}): Promise<void> {
  return withConfig(configuration, ({ how: { model, ...device } }) => decal.preload(model, device));
}

/** Options as decal takes them. */
interface Choices {
  /** Empty for what `init` said, or decal's defaults. */
  how: { model?: ModelOption; device?: DeviceOption };
  format: ImageFormat & NonNullable<OutputOptions['format']> | 'image/x-alpha8';
  quality: number;
}

const kFormats: readonly unknown[] = ['image/png', 'image/jpeg', 'image/webp', 'image/x-rgba8', 'image/x-alpha8'];

/** Runs `work` with the choices of a configuration, while its listeners listen. */
async function withConfig<T>(configuration: Config, work: (choices: Choices) => Promise<T>): Promise<T> {
  const { publicPath, model } = configuration;
  const choices = choose(configuration);
  const resources = publicPath === undefined ? null : await findResources(publicPath);
  const wanted = resources ? theirModel(resources, model) : isTheirs(model) ? 'isnet-general' : model;
  if (wanted !== undefined) choices.how.model = wanted;
  // It holds for the whole page. The model too, lest another one be loaded first.
  if (publicPath !== undefined && !resources) await decal.init({ assetBaseUrl: publicPath, ...choices.how });
  const end = listen(configuration);
  try {
    return await work(choices);
  } finally {
    end();
  }
}

function choose({ device, output = {} }: Config): Choices {
  if (device !== undefined && device !== 'cpu' && device !== 'gpu') throw invalid('device: "cpu" or "gpu"');
  const { format = 'image/png', quality = 0.8 } = output;
  if (!kFormats.includes(format)) throw invalid(`output.format: one of ${kFormats.join(', ')}`);
  return { how: device === undefined ? {} : { device: device === 'cpu' ? 'wasm' : 'auto' }, format, quality };
}

function listen({ progress, debug }: Config): () => void {
  const ends: (() => void)[] = [];
  if (progress) {
    ends.push(decal.subscribeToProgress(({ model, progress: percent, loadedBytes, totalBytes }) => {
      if (model === undefined) return;
      if (totalBytes) progress(`fetch:${model}`, loadedBytes ?? 0, totalBytes);
      else progress(`fetch:${model}`, percent, 100);
    }));
  }
  if (debug) {
    ends.push(decal.subscribeToProgress((state) => console.debug('decal:', state)));
    ends.push(decal.onExecution((event) => console.debug('decal:', event)));
  }
  return () => ends.forEach((end) => end());
}

async function toSource(image: ImageSource, { fetchArgs }: Config): Promise<DecalSource> {
  if (isPixelArray(image)) return toImageData(image);
  if (!fetchArgs || !(typeof image === 'string' || image instanceof URL)) return image;
  const name = String(image).slice(0, 200);
  let response: Response;
  try {
    response = await fetch(image, fetchArgs);
  } catch (error) {
    throw new decal.DecalError('network', `${name}: ${(error as Error).message}`, { cause: error });
  }
  if (response.type === 'opaque') {
    const why = 'with mode "no-cors" a page never sees the picture; its server has to allow CORS';
    throw new decal.DecalError('network', `fetchArgs: ${why}`);
  }
  if (!response.ok) throw new decal.DecalError('network', `${name}: the server answered ${response.status}`);
  return response.blob();
}

/** Blobs of `image/x-alpha8` are no pictures, and carry their size in their type. */
async function toMatte(mask: ImageSource, configuration: Config): Promise<Matte | DecalSource> {
  const source = await toSource(mask, configuration);
  if (!(source instanceof Blob) || !source.type.startsWith('image/x-alpha8')) return source;
  const [width, height] = ['width', 'height'].map((name) => Number(new RegExp(`;\\s*${name}=(\\d+)`).exec(source.type)?.[1]));
  return { width: width!, height: height!, data: new Uint8Array(await source.arrayBuffer()) };
}

function isPixelArray(image: ImageSource): image is PixelArray {
  return typeof image === 'object' && 'shape' in image && 'data' in image;
}

function toImageData({ data, shape }: PixelArray): ImageData {
  const [height = 0, width = 0, channels = 0] = shape;
  if (!(channels === 3 || channels === 4) || data.length !== width * height * channels) {
    throw invalid(`image: ${data.length} bytes for the shape ${shape.join(' x ')}, which is to be height x width x 3 or 4`);
  }
  const image = new ImageData(width, height);
  if (channels === 4) image.data.set(data);
  else {
    for (let i = 0; i < width * height; ++i) {
      image.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
  }
  return image;
}

/** The blob of a result; its object URLs are revoked unused. */
function settle({ blob, width, height, revoke }: Awaited<ReturnType<typeof decal.applyMatte>>): Blob {
  revoke();
  return blob.type === 'image/x-rgba8' ? sized(blob, width, height) : blob;
}

function alphaBlob({ data, width, height }: Matte): Blob {
  return sized(new Blob([data as BlobPart], { type: 'image/x-alpha8' }), width, height);
}

function sized(blob: Blob, width: number, height: number): Blob {
  return blob.slice(0, blob.size, `${blob.type};width=${width};height=${height}`);
}

function invalid(message: string): Error {
  return new decal.DecalError('invalid-argument', message);
}
