// A free port, for servers that cannot choose one themselves and tell which.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { createServer } from 'node:net';

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
