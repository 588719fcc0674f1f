// WebGPU in Node: npm `webgpu`, which is Chromium's implementation (Dawn), where it is installed.
// SPDX-License-Identifier: MIT

let imported: Promise<GPU | string> | null = null;

/** The GPU object, one a process, or why there is none. */
export function importGpu(): Promise<GPU | string> {
  imported ??= load();
  return imported;
}

async function load(): Promise<GPU | string> {
  // By a name that neither bundlers nor the type checker follow: the package is optional.
  const name = 'webgpu';
  try {
    const { create } = await import(name) as { create(options: string[]): GPU };
    return create([]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      return 'there is no WebGPU in Node without the npm package webgpu';
    }
    return `npm webgpu: ${error instanceof Error ? error.message : String(error)}`;
  }
}
