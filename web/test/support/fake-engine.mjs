// An engine, files, pictures and a GPU that behave as a seed says. They test the order of events around an engine, not its
// numbers. A `World` records what is open, and a test may interfere at every await.
// SPDX-License-Identifier: MIT

/** Bytes of an engine's memory that may really be used. The pictures here are tiny. */
const kBlockBytes = 256;
/** Address of the last report: zeros, which no block covers. */
const kReport = 64;
/** Alpha of finished pictures. Unprocessed ones have 255. */
export const kCut = 3;
export const kApplied = 5;

export class World {
  /** Open resources by name, checked at the end of a sequence. */
  open = new Map();
  /** Everything that was ever started. */
  engines = [];
  /** Violations of rules. */
  faults = [];
  /** Called at every await; may abort, dispose and call. */
  interfere = () => {};

  constructor(random, errors) {
    this.random = random;
    this.errors = errors;
  }

  hold(what) {
    const id = Symbol(what);
    this.open.set(id, what);
    return () => void this.open.delete(id);
  }

  /** The open resources as text. */
  left() {
    return [...this.open.values()].sort().join(', ');
  }

  fault(text) {
    this.faults.push(text);
  }

  /** An await of no, one or several turns of the event loop. */
  async point(name) {
    await null;  // no interference while an interfering call is being made
    const turns = this.random.below(4);
    for (let i = 0; i < turns; ++i) await new Promise((resolve) => setImmediate(resolve));
    this.interfere(name);
    await null;
    if (this.random.chance(0.02)) throw this.error('internal', `${name} failed`);
  }

  error(code, message) {
    return new this.errors.DecalError(code, message);
  }
}

let nextHandle = 1;

export class FakeEngine {
  /** The cancel flag is at its beginning. */
  memory;
  simd = 'baseline';
  threads = 2;
  reason = 'two threads, as the test says';
  broken = false;
  /** Pictures that were ever in its memory. */
  pictures = 0;
  #world;
  #closed = false;
  #live = new Map();
  #release;
  #nextBlock = kBlockBytes;
  #error = null;
  /** Report of the last run. */
  #model = 0;

  constructor(world) {
    this.#world = world;
    this.memory = { buffer: new (world.random.chance(0.5) ? SharedArrayBuffer : ArrayBuffer)(16 << 10) };
    world.engines.push(this);
    const releases = [world.hold('engine'), world.hold('thread')];
    this.#release = () => releases.forEach((release) => release());
  }

  #make(what, value = {}) {
    const handle = nextHandle++;
    this.#live.set(handle, { what, ...value });
    return handle;
  }

  #get(handle, what) {
    const found = this.#live.get(handle);
    if (found?.what === what) return found;
    this.#world.fault(`a ${what} that is not of this engine, or gone`);
    return null;
  }

  #free(handle, what) {
    if (this.#get(handle, what)) this.#live.delete(handle);
  }

  /** 0 for success; sometimes a failure or a trap instead. */
  #chance(what) {
    if (this.#world.random.chance(0.01)) throw new WebAssembly.RuntimeError('unreachable');
    if (!this.#world.random.chance(0.02)) return 0;
    this.#error = this.#world.error('out-of-memory', `${what}: no memory`);
    return 1;
  }

  #paint(rgba, pixels, red, alpha) {
    const view = this.bytes(rgba, 4 * pixels);
    for (let i = 0; i < pixels; ++i) view.set([red, view[4 * i + 1], view[4 * i + 2], alpha], 4 * i);
  }

  exports = {
    decal_cancel_flag: () => 0,
    decal_stream_new: () => this.#make('stream', { model: 0 }),
    decal_stream_feed: (stream, pointer, size) => {
      const found = this.#get(stream, 'stream');
      if (found && size > 0) found.model = this.bytes(pointer, 1)[0];
      return this.#chance('the model');
    },
    decal_stream_files: () => [],
    decal_stream_free: (stream) => this.#free(stream, 'stream'),
    decal_session_from_stream: (stream) => {
      const model = this.#get(stream, 'stream')?.model ?? 0;
      this.#free(stream, 'stream');
      return this.#chance('the session') ? 0 : this.#make('session', { model });
    },
    decal_session_free: (session) => this.#free(session, 'session'),
    decal_remover_new: (session) => {
      const model = this.#get(session, 'session')?.model ?? 0;
      this.#free(session, 'session');
      return this.#chance('the remover') ? 0 : this.#make('remover', { model });
    },
    decal_remover_free: (remover) => this.#free(remover, 'remover'),
    decal_remover_prepare: (remover) => (this.#get(remover, 'remover'), this.#chance('the plan')),
    decal_remover_fits: () => 1,
    decal_remover_run: (remover, rgba, width, height) => {
      const found = this.#get(remover, 'remover');
      let failed = this.#chance('the run');
      // The flag ends a run and is reset by it.
      if (Atomics.exchange(this.#flag, 0, 0) !== 0) {
        this.#error = this.#world.error('cancelled', 'the run was cancelled');
        failed = 1;
      }
      if (found) this.#model = found.model;
      return failed;
    },
    decal_remover_report: (remover) => (this.#get(remover, 'remover'), kReport),
    // The network's own matte has no address here, since the report is all zeros.
    decal_composite: (matte, matteWidth, matteHeight, rgba, width, height) => {
      const failed = this.#chance('the matte');
      if (!failed) this.#paint(rgba, width * height, matte === 0 ? this.#model : 0, matte === 0 ? kCut : kApplied);
      return failed;
    },
    decal_composite_bytes: () => 0,
  };

  call(work) {
    if (this.#closed) this.#world.fault('a call of an engine that was closed');
    if (this.broken) throw this.#world.error('internal', 'the engine has stopped');
    try {
      return work();
    } catch (error) {
      this.broken = true;
      throw this.#world.error('internal', `the engine stopped: ${error.message}`);
    }
  }

  check(work) {
    if (this.call(work) !== 0) throw this.#error;
  }

  handle(work) {
    const handle = this.call(work);
    if (handle === 0) throw this.#error;
    return handle;
  }

  json(work) {
    return this.call(work);
  }

  alloc(bytes, what) {
    if (this.call(() => this.#chance(what))) throw this.#error;
    const pointer = this.#nextBlock;
    this.#nextBlock = (this.#nextBlock + kBlockBytes) % (16 << 10) || kBlockBytes;
    this.#live.set(`block ${pointer}`, { what: 'block' });
    if (what.startsWith('a picture')) ++this.pictures;
    return pointer;
  }

  free(pointer) {
    if (this.broken) return;
    if (!this.#live.delete(`block ${pointer}`)) this.#world.fault('a block that is not of this engine, or gone');
  }

  bytes(pointer, size) {
    if (size > kBlockBytes) throw new Error(`${size} bytes`);
    return new Uint8Array(this.memory.buffer, pointer, size);
  }

  get #flag() {
    return new Int32Array(this.memory.buffer, 0, 1);
  }

  throwIfCancelled() {
    if (Atomics.load(this.#flag, 0) !== 0) throw this.#world.error('cancelled', 'the call was cancelled');
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    // A trapped engine's memory is freed as a whole.
    if (!this.broken) for (const { what } of this.#live.values()) this.#world.fault(`a ${what} stayed behind`);
    this.broken = true;
    this.#release();
  }
}

/** A GPU that can be found and opened but fails its checks. */
function fakeGpu(world) {
  const limits = {
    maxStorageBuffersPerShaderStage: 8, maxStorageBufferBindingSize: 128 << 20, maxBufferSize: 256 << 20,
    maxComputeWorkgroupsPerDimension: 65535, maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384,
    minStorageBufferOffsetAlignment: 256, minUniformBufferOffsetAlignment: 256,
  };
  return {
    async requestAdapter() {
      await world.point('the adapter');
      return {
        info: { vendor: 'test', architecture: '', device: '', description: '' }, limits, features: new Set(),
        async requestDevice() {
          await world.point('the device');
          return { limits, features: new Set(), lost: new Promise(() => {}), destroy: world.hold('device') };
        },
      };
    },
  };
}

/** This world's adapter for an engine host. `onBusy` is called with +1 when a start begins and -1 when it ends. */
export function fakeAdapter(world, { onBusy = () => {} } = {}) {
  const { random } = world;
  const adapter = {
    /** No call waits for a start that begins from here on. */
    unwanted: false,
    async startEngine(signal) {
      const done = world.hold('start');
      onBusy(1);
      try {
        for (let i = random.below(5); i >= 0; --i) {
          await world.point('the start');
          signal.throwIfAborted();
        }
        if (adapter.unwanted) world.fault('a start that nobody waits for went on');
        if ([...world.open.values()].includes('engine')) world.fault('a second engine beside the first');
        return new FakeEngine(world);
      } finally {
        onBusy(-1);
        done();
      }
    },
    async read(model, use, { signal, onProgress }) {
      const done = world.hold('download');
      try {
        await world.point('the request');
        signal.throwIfAborted();
        return await use((async function* () {
          for (let i = 0; i < 3; ++i) {
            await world.point('a piece');
            signal.throwIfAborted();
            onProgress?.({ loadedBytes: i + 1, totalBytes: 3, bytesPerSecond: 0 });
            yield Uint8Array.of(model.number);
          }
        })());
      } finally {
        done();
      }
    },
    gpu: {
      find: async () => (await world.point('the GPU'), random.chance(0.3) ? fakeGpu(world) : 'there is none'),
      allowSoftwareAdapter: false,
      planner: async () => {
        await world.point('the planner');
        throw world.error('network', 'no planner');
      },
    },
    async decode(source, signal) {
      if (signal.aborted) world.fault('decoding began for a call that was given up');
      await world.point('decoding');
      signal.throwIfAborted();
      const { width, height, tag } = source;
      const pixels = new Uint8ClampedArray(4 * width * height);
      for (let i = 0; i < pixels.length; i += 4) pixels.set([9, tag, 9, 255], i);
      const close = world.hold('picture');
      return { width, height, notes: [], rows: (first, count) => pixels.subarray(4 * width * first, 4 * width * (first + count)), close };
    },
    async encode(engine, { rgba, width, height }, output, signal) {
      if ([...world.open.values()].includes('picture')) world.fault('a decoded picture is held beside its copy');
      await world.point('encoding');
      engine.throwIfCancelled();
      signal.throwIfAborted();
      return { pixels: engine.bytes(rgba, 4 * width * height).slice() };
    },
    parseColour: () => null,
  };
  return adapter;
}
