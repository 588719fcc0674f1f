/** @type {import('next').NextConfig} */
export default {
  // These two headers give pages threads; without them Decal runs on one thread.
  headers: async () => [{
    source: '/:path*',
    headers: [
      { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
      { key: 'Cross-Origin-Embedder-Policy', value: 'require-corp' },
    ],
  }],
};
