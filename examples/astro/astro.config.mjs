import { defineConfig } from 'astro/config';

export default defineConfig({
  // These two headers give pages threads. Your host has to send them too; without them Decal runs on one thread.
  server: { headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } },
});
