// These two headers give pages threads; without them Decal runs on one thread.
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  telemetry: false,
  app: { head: { htmlAttrs: { lang: 'en' }, title: 'Decal with Nuxt', link: [{ rel: 'icon', href: 'data:,' }] } },
  routeRules: { '/**': { headers } },
  // The development server's own files: a page with these headers takes a worker's script only if that has them, too.
  vite: { server: { headers } },
});
