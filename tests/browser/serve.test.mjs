// The static server behind `make web`: types, headers, and nothing from outside its folders.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { serve } from '../../scripts/serve.mjs';

suite('serve', () => {
  let folder, site;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decal-serve-'));
    await mkdir(join(folder, 'site/sub'), { recursive: true });
    await mkdir(join(folder, 'site-secrets'), { recursive: true });
    await writeFile(join(folder, 'site/index.html'), '<p>home</p>');
    await writeFile(join(folder, 'site/engine.wasm'), Buffer.from([0, 0x61, 0x73, 0x6d]));
    await writeFile(join(folder, 'site/sub/app.js'), 'export {};');
    await writeFile(join(folder, 'site-secrets/key.txt'), 'secret');
    site = await serve({ root: join(folder, 'site'), mounts: { '/one.js': join(folder, 'site/sub/app.js') } });
  });
  after(async () => {
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  // Not fetch(): it would tidy up the paths that matter here before sending them.
  const ask = (path, headers = {}, from = site) =>
    new Promise((done, failed) => {
      get({ host: '127.0.0.1', port: from.port, path, headers }, (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (part) => (body += part)).on('end', () => done({ status: response.statusCode, headers: response.headers, body }));
      }).on('error', failed);
    });

  test('gives files with their types', async () => {
    for (const [path, type, body] of [
      ['/', 'text/html; charset=utf-8', '<p>home</p>'],
      ['/?query', 'text/html; charset=utf-8', '<p>home</p>'],
      ['/engine.wasm', 'application/wasm', '\0asm'],
      ['/sub/app.js', 'text/javascript; charset=utf-8', 'export {};'],
      ['/one.js', 'text/javascript; charset=utf-8', 'export {};'],
    ]) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, answer.headers['content-type'], answer.body], [200, type, body], path);
    }
  });

  test('sends the headers for cross-origin isolation, also with errors, unless told not to', async () => {
    for (const path of ['/', '/missing']) {
      const { headers } = await ask(path);
      assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
      assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    }
    const open = await serve({ root: join(folder, 'site'), isolation: false });
    const { headers } = await ask('/', {}, open);
    await open.close();
    assert.equal(headers['cross-origin-opener-policy'], undefined);
    assert.equal(headers['cross-origin-embedder-policy'], undefined);
  });

  test('gives nothing from outside its folders', async () => {
    for (const path of ['/../site-secrets/key.txt', '/%2e%2e/site-secrets/key.txt', '/sub/..%2f..%2fsite-secrets/key.txt',
      '/..%5csite-secrets/key.txt', '/-secrets/key.txt', '//etc/passwd', '/%00', '/%zz']) {
      const { status, body } = await ask(path);
      assert.ok(status >= 400 && status < 500, `${path}: ${status}`);
      assert.doesNotMatch(body, /secret$|root:/m);
    }
  });

  test('answers 304 to who has the file, 308 to a folder without its slash', async () => {
    const { headers } = await ask('/sub/app.js');
    const again = await ask('/sub/app.js', { 'If-None-Match': headers.etag });
    assert.deepEqual([again.status, again.body], [304, '']);
    const folder = await ask('/sub');
    assert.deepEqual([folder.status, folder.headers.location], [308, '/sub/']);
  });
});
