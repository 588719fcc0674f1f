import { fileURLToPath } from 'node:url';

// Nothing here is for Decal: webpack copies its assets by itself.
export default {
  mode: 'production',
  entry: './src/index.js',
  output: { path: fileURLToPath(new URL('public/build', import.meta.url)), clean: true },
  performance: { maxAssetSize: 8e6 },
};
