import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

// These two headers give pages threads. Your host has to send them too; without them Decal runs on one thread.
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  plugins: [vue()],
  server: { headers },
  preview: { headers },
});
