// A small static web server for the demo page and the browser tests: right types, cross-origin isolation, no dependencies.
// SPDX-License-Identifier: MIT
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

// Browsers refuse module scripts and streaming compilation of WebAssembly under any other type.
const kTypes = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.onnx': 'application/octet-stream',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
};

// These three give a page SharedArrayBuffer, and with it threads.
const kIsolationHeaders = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Serves files until `close()` is called.
 *
 * @param {object} options
 * @param {string} [options.root] folder served at `/`
 * @param {Record<string, string>} [options.mounts] more folders (or single files), by URL prefix; the longest prefix wins
 * @param {number} [options.port] 0, the default, takes any free port
 * @param {string} [options.host] the loopback interface by default
 * @param {boolean} [options.isolation] send the headers for cross-origin isolation (default true)
 * @param {Record<string, string>} [options.headers] further headers for every response
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) =>
 *   boolean | Promise<boolean>} [options.intercept] called first; true means that it has answered
 * @returns {Promise<{url: string, port: number, close: () => Promise<void>}>}
 */
export async function serve({ root, mounts = {}, port = 0, host = '127.0.0.1', isolation = true, headers = {}, intercept }) {
  const table = Object.entries({ ...(root === undefined ? {} : { '/': root }), ...mounts })
    .map(([prefix, path]) => [prefix, resolve(path)])
    .sort(([a], [b]) => b.length - a.length);

  const server = createServer(async (request, response) => {
    const extra = { ...(isolation ? kIsolationHeaders : {}), 'X-Content-Type-Options': 'nosniff', ...headers };
    for (const [name, value] of Object.entries(extra)) response.setHeader(name, value);
    try {
      if (intercept && (await intercept(request, response))) return;
      await answer(table, request, response);
    } catch (error) {
      fail(response, 500, error.message);
    }
  });

  await new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, host, done);
  });
  const actual = server.address().port;
  return {
    url: `http://${host}:${actual}`,
    port: actual,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function answer(table, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return fail(response, 405, 'only GET and HEAD');
  const path = decodedPath(request.url ?? '/');
  if (path === null) return fail(response, 400, 'bad path');
  const mount = table.find(([prefix]) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
  if (!mount) return fail(response, 404, 'not found');

  let file = resolve(mount[1], `.${sep}${path.slice(mount[0].length)}`);
  if (file !== mount[1] && !file.startsWith(mount[1] + sep)) return fail(response, 403, 'outside the served folder');
  let info = await stat(file).catch(() => null);
  if (info?.isDirectory()) {
    // Without the slash, the relative addresses in the page would miss its folder.
    if (!path.endsWith('/')) {
      response.writeHead(308, { Location: `${path}/` }).end();
      return undefined;
    }
    file = join(file, 'index.html');
    info = await stat(file).catch(() => null);
  }
  if (!info?.isFile()) return fail(response, 404, 'not found');

  const tag = `"${info.size.toString(36)}-${Math.round(info.mtimeMs).toString(36)}"`;
  response.setHeader('ETag', tag);
  // Always ask again: files change under a development server; unchanged ones cost one short answer.
  response.setHeader('Cache-Control', 'no-cache');
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304).end();
    return undefined;
  }
  response.writeHead(200, {
    'Content-Type': kTypes[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': info.size,
  });
  if (request.method === 'HEAD') {
    response.end();
    return undefined;
  }
  const stream = createReadStream(file);
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
  return undefined;
}

// The path of a request with escapes resolved and no way upwards; null when it is not one.
function decodedPath(url) {
  try {
    const path = decodeURIComponent(url.split(/[?#]/, 1)[0]);
    return path.startsWith('/') && !path.includes('\0') && !/(^|[\\/])\.\.([\\/]|$)/.test(path) ? path : null;
  } catch {
    return null;
  }
}

function fail(response, status, message) {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

const kUsage = `usage: node scripts/serve.mjs [FOLDER] [--port N] [--host NAME] [--no-isolation]

Serves FOLDER (build/demo by default) with the headers for cross-origin isolation, so that the page can use threads.
`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      'no-isolation': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(kUsage);
    return;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`--port ${values.port}: not a port number`);
  const root = positionals[0] ?? fileURLToPath(new URL('../build/demo', import.meta.url));
  if (!(await stat(root).catch(() => null))?.isDirectory()) throw new Error(`${root}: no such folder`);
  const { url } = await serve({ root, port, host: values.host, isolation: !values['no-isolation'] });
  console.log(`serving ${root} at ${url}/ (stop with Ctrl+C)`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error) => {
    console.error(`serve: ${error.code === 'EADDRINUSE' ? 'the port is in use; choose another with --port' : error.message}`);
    process.exitCode = 1;
  });
}
