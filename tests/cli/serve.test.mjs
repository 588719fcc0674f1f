// decal serve over loopback: its two interfaces, its bounds, its end.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { test as nodeTest } from 'node:test';
import sharp from 'sharp';
import { readBorder, resolveRule } from '../../border/typescript.mjs';
import { decal, disc, kDefaultModel, kSanitized, pixels, quickModel, scratch } from './support.mjs';
import { form, hasServer, kAnyModel, raw, readAnswer, serve, until } from './server.mjs';

const skip = (await hasServer()) ? false : 'this build has no server (libcpp-httplib-dev)';
const test = (name, run) => nodeTest(name, { skip }, run);
const picture = await disc().png().toBuffer();
const post = (server, path, body, init = {}) => fetch(server.url + path, { method: 'POST', body, ...init });

async function assertError(answer, status, code, pattern = /./) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  const { error } = JSON.parse(text);
  assert.equal(error.code, code, text);
  assert.match(error.message, pattern);
}

test('POST /v1/cutouts: raw and as a form, the command’s own bytes, the report in a header or a part', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'a.png'), picture);
  assert.equal((await decal(['a.png', '-o', 'a.webp', '--background', '#00f', '--quality', '80', '-q'], { cwd })).status, 0);
  const expected = await readFile(join(cwd, 'a.webp'));
  const server = await serve(t);
  const query = new URLSearchParams({ format: 'webp', background: '#00f', quality: '80' });
  const answer = await post(server, `/v1/cutouts?${query}`, picture);
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/webp']);
  assert.ok(expected.equals(Buffer.from(await answer.arrayBuffer())));
  const report = JSON.parse(answer.headers.get('decal-report'));
  assert.deepEqual([report.width, report.height, report.execution.model, report.notes], [96, 64, 'decal-default', []]);
  assert.ok(report.coverage > 0.05 && report.boundingBox.width > 10 && report.execution.ms.inference > 0);

  const parts = await (await post(server, '/v1/cutouts', form(picture, { ...Object.fromEntries(query), report: 'part' }))).formData();
  assert.ok(expected.equals(Buffer.from(await parts.get('picture').arrayBuffer())));
  assert.equal(JSON.parse(parts.get('report')).width, 96);
  const accepted = await post(server, '/v1/cutouts?mask=true', picture, { headers: { Accept: 'multipart/form-data' } });
  assert.match(accepted.headers.get('content-type'), /^multipart\/form-data/);
  const mask = await pixels(Buffer.from(await (await accepted.formData()).get('picture').arrayBuffer()));
  assert.equal(mask.info.width, 96);
  // Chunked.
  const chunks = new ReadableStream({
    start(controller) {
      for (let i = 0; i < picture.length; i += 100) controller.enqueue(picture.subarray(i, i + 100));
      controller.close();
    },
  });
  assert.equal((await post(server, '/v1/cutouts', chunks, { duplex: 'half' })).status, 200);
});

test('the memory that is told at the start has room for the edges that need the most', async (t) => {
  const server = await serve(t, kAnyModel);
  const told = 1e6 * Number(/models (\d+),/.exec(server.stderr())[1]);
  const large = await sharp(picture).resize({ width: 1800 }).png().toBuffer();
  const { execution } = JSON.parse((await post(server, '/v1/cutouts?refine=best', large)).headers.get('decal-report'));
  const { execution: plain } = JSON.parse((await post(server, '/v1/cutouts', large)).headers.get('decal-report'));
  assert.ok(execution.memoryBytes > plain.memoryBytes, `${execution.memoryBytes}, ${plain.memoryBytes}`);
  const rounded = 0.5e6;  // to whole megabytes
  assert.ok(told > 0.99 * execution.memoryBytes - rounded && told < 1.1 * execution.memoryBytes + rounded, `${told}, ${execution.memoryBytes}`);
});

test('results have the limits of pictures, and the memory that is told at the start holds', async (t) => {
  const model = ['--model', quickModel()];
  const server = await serve(t, [...model, '--workers', '1', '--max-memory', '20M', '--max-pixels', '1000000', '--max-upload', '4M']);
  for (const query of ['size=12000x12000&format=jpeg', 'size=6000x6000', 'size=6000x', 'size=1000x1001', 'crop=5&size=2000x2000', 'aspect-ratio=100&size=20000x']) {
    await assertError(await post(server, `/v1/cutouts?${query}`, picture), 413, 'limit-exceeded', /^a result of \d+ x \d+ pixels is over the limit of 1000000 \(--max-pixels\)$/);
  }
  // What the network finds decides of the size here.
  const seen = await sharp(picture).resize({ width: 900, kernel: 'nearest' }).png().toBuffer();
  await assertError(await post(server, '/v1/cutouts?crop=0&scale=8', seen), 413, 'limit-exceeded', /^a result of .*max-pixels/);
  const roomy = await serve(t, [...model, '--max-memory', '20M']);
  await assertError(await post(roomy, '/v1/cutouts?size=3000x3000', picture), 413, 'limit-exceeded',
    /^a result of 3000 x 3000 pixels takes 36\.0 MB with its picture, over the limit of 2\d\.\d MB \(--max-memory\)$/);
  await assertError(await post(roomy, '/v1/cutouts?format=webp&size=17000x20', picture), 400, 'invalid-argument', /WebP.*16383/);
  // The largest there may be, of noise, which no format makes small.
  const side = 1000;
  const noise = Buffer.alloc(3 * side * side);
  for (let i = 0, state = 1; i < noise.length; ++i) noise[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  const large = await sharp(noise, { raw: { width: side, height: side, channels: 3 } }).png().toBuffer();
  await Promise.all(['png', 'webp', 'jpeg', 'png'].map(async (format) => {
    const answer = await post(server, `/v1/cutouts?format=${format}&background-only=true&report=part&size=${side}x${side}`, large);
    assert.equal(answer.status, 200, format);
    await answer.arrayBuffer();
  }));
  const told = 1e6 * Number(/memory at most about (\d+) MB/.exec(server.stderr())[1]);
  const peak = 1024 * Number(/VmHWM:\s*(\d+)/.exec(await readFile(`/proc/${server.child.pid}/status`, 'utf8'))[1]);
  if (!kSanitized) assert.ok(peak < told, `${peak}, ${told}`);
});

test('a field without a value is an error, and to rembg’s clients none', async (t) => {
  const server = await serve(t, ['--model', quickModel()]);
  for (const query of ['?mask', '?mask=', '?format=png&background=', '?size=']) {
    await assertError(await post(server, `/v1/cutouts${query}`, picture), 400, 'invalid-argument', /^(mask|background|size): no value/);
  }
  await assertError(await post(server, '/v1/cutouts', form(picture, { mask: '' })), 400, 'invalid-argument', /^mask: no value/);
  const empty = form(picture, Object.fromEntries(['model', 'a', 'af', 'ab', 'ae', 'om', 'ppm'].map((name) => [name, ''])));
  assert.equal((await post(server, '/api/remove?bgc=&extras=', empty)).status, 200);
});

test('a part of the answer cannot be forged by what a picture keeps, and pictures are sent whole', async (t) => {
  const server = await serve(t, ['--model', quickModel()]);
  const ask = async () => (await post(server, '/v1/cutouts?report=part', picture)).headers.get('content-type');
  const [one, other] = [await ask(), await ask()];
  assert.match(one, /^multipart\/form-data; boundary=decal-[0-9a-f]{32}$/);
  assert.notEqual(one, other);
  const whole = (await (await post(server, '/v1/cutouts', picture)).arrayBuffer()).byteLength;
  const part = await post(server, '/v1/cutouts', picture, { headers: { Range: 'bytes=0-9' } });
  assert.deepEqual([part.status, (await part.arrayBuffer()).byteLength], [200, whole]);
});

test('what is wrong with a request is told by status and code', async (t) => {
  const server = await serve(t, [...kAnyModel, '--max-upload', '102400', '--max-pixels', '100000']);
  await assertError(await post(server, '/v1/cutouts', 'no picture'), 422, 'corrupt-image');
  await assertError(await post(server, '/v1/cutouts', ''), 422, 'corrupt-image');
  await assertError(await post(server, '/v1/cutouts', picture.subarray(0, 200)), 422, 'corrupt-image');
  await assertError(await post(server, '/v1/cutouts', '8BPS\0\x01\0\0\0\0\0\0'), 415, 'unsupported', /PSD/);
  await assertError(await post(server, '/v1/cutouts?format=bmp', picture), 400, 'invalid-argument', /png, webp, jpeg/);
  await assertError(await post(server, '/v1/cutouts?treshold=1', picture), 400, 'invalid-argument', /unknown field 'treshold'/);
  await assertError(await post(server, '/v1/cutouts?threshold=2', picture), 400, 'invalid-argument', /threshold/);
  await assertError(await post(server, '/v1/cutouts?model=u2net', picture), 404, 'not-found', /'u2net' is not served/);
  await assertError(await post(server, '/v1/cutouts', form(null, { mask: 'true' })), 400, 'invalid-argument', /no part 'file'/);
  await assertError(await post(server, '/v1/cutouts', Buffer.alloc(300000)), 413, 'limit-exceeded', /102400/);
  await assertError(await post(server, '/v1/cutouts', form(Buffer.alloc(150000))), 413, 'limit-exceeded', /102400/);
  // Refused by its header: the file is tiny, its picture is not.
  const large = Buffer.from(picture);
  large.writeUInt32BE(20000, 16);
  large.writeUInt32BE(20000, 20);
  large.writeUInt32BE(crc32(large.subarray(12, 29)), 29);
  await assertError(await post(server, '/v1/cutouts', large), 413, 'limit-exceeded', /20000 x 20000 pixels are over the limit of 100000/);
  await assertError(await fetch(`${server.url}/v1/cutouts`), 405, 'invalid-argument');
  await assertError(await fetch(`${server.url}/nowhere`), 404, 'not-found');
  await assertError(await post(server, '/nowhere', Buffer.alloc(300000)), 404, 'not-found');
  await assertError(await fetch(`${server.url}/v1/cutouts`, { method: 'PUT', body: picture }), 405, 'invalid-argument');
  await assertError(await post(server, '/v1/cutouts', picture, { headers: { 'Content-Encoding': 'gzip' } }), 415, 'unsupported');
  assert.equal((await post(server, '/v1/cutouts', picture)).status, 200);
});

test('ranges are those of border/fields.json: in /openapi.json, and in what is refused', async (t) => {
  const server = await serve(t, kAnyModel);
  const [fields, limits, types] = ['fields', 'limits', 'types'].map(readBorder);
  const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const ruleOf = (name) => {
    const row = fields.command.find((one) => one.name === name) ?? fields.options.find((one) => one.name === `output.${camel(name)}`);
    return resolveRule(row, limits, types);
  };
  const { parameters } = (await (await fetch(`${server.url}/openapi.json`)).json()).paths['/v1/cutouts'].post;
  const ranges = parameters.filter(({ schema }) => 'minimum' in schema);
  assert.ok(ranges.length >= 10, `${ranges.length} ranges`);
  for (const { name, schema } of ranges) {
    const { least, most, message, type } = ruleOf(name);
    assert.deepEqual([schema.minimum, schema.maximum, schema.type], [least, most, type === 'whole' ? 'integer' : 'number'], name);
    for (const value of [least - 1, most + 1, 'much']) {
      const answer = await post(server, `/v1/cutouts?${new URLSearchParams({ [name]: value })}`, picture);
      assert.deepEqual([answer.status, await answer.json()], [400, { error: { code: 'invalid-argument', message: `${name}: ${message}` } }], `${value}`);
    }
  }
});

test('/api/remove takes what rembg’s server takes', async (t) => {
  const server = await serve(t);
  const plain = await post(server, '/api/remove', form(picture));
  assert.deepEqual([plain.status, plain.headers.get('content-type')], [200, 'image/png']);
  const cutout = await pixels(Buffer.from(await plain.arrayBuffer()));
  assert.deepEqual([cutout.info.width, cutout.info.channels], [96, 4]);
  const all = { model: 'decal-default', a: 'true', af: '240', ab: '10', ae: '10', om: 'false', ppm: 'false' };
  const on = await pixels(Buffer.from(await (await post(server, '/api/remove?bgc=255,0,0,255&extras=%7B%7D', form(picture, all))).arrayBuffer()));
  assert.deepEqual([...on.data.subarray(0, 3)], [255, 0, 0]);
  const mask = Buffer.from(await (await post(server, '/api/remove', form(picture, { om: 'true', ppm: 'true' }))).arrayBuffer());
  const { data } = await sharp(mask).greyscale().raw().toBuffer({ resolveWithObject: true });
  assert.ok(data.every((value) => value === 0 || value === 255), 'post-processed masks have no soft edges');
  await assertError(await post(server, '/api/remove', form(picture, { af: '300' })), 400, 'invalid-argument', /af/);
  await assertError(await post(server, '/api/remove?bgc=red', form(picture)), 400, 'invalid-argument', /bgc/);
  await assertError(await post(server, '/api/remove', form(picture, { model: 'sam' })), 404, 'not-found', /sam/);
  await assertError(await post(server, '/api/remove', picture), 400, 'invalid-argument', /form/);
  await assertError(await fetch(`${server.url}/api/remove?url=http://example.org/a.png`), 403, 'unsupported', /--allow-url-host/);
});

test('GET /api/remove?url= fetches from allowed hosts alone, never from private networks, follows nothing', async (t) => {
  const source = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { Location: '/a.png' }).end();
    else if (request.url === '/large') response.end(Buffer.alloc(3 << 20));
    else if (request.url === '/a.png?x=1') response.end(picture);
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(source, 'listening');
  t.after(() => source.close());
  const { port } = source.address();
  const get = (server, url) => fetch(`${server.url}/api/remove?url=${encodeURIComponent(url)}`);
  const careful = await serve(t, [...kAnyModel, '--allow-url-host', `127.0.0.1:${port}`, '--allow-url-host', `localhost:${port}`]);
  for (const host of ['127.0.0.1', 'localhost']) {
    await assertError(await get(careful, `http://${host}:${port}/a.png?x=1`), 400, 'invalid-argument', /private network/);
  }
  await assertError(await get(careful, `http://127.1:${port}/a.png`), 400, 'invalid-argument', /not a host/);
  await assertError(await get(careful, 'file:///etc/passwd'), 400, 'invalid-argument', /http/);
  await assertError(await get(careful, ''), 400, 'invalid-argument');
  const open = await serve(t, [...kAnyModel, '--allow-url-host', `127.0.0.1:${port}`, '--allow-private-urls', '--max-upload', '1M']);
  const answer = await get(open, `http://127.0.0.1:${port}/a.png?x=1`);
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((await pixels(Buffer.from(await answer.arrayBuffer()))).info.width, 96);
  await assertError(await get(open, `http://127.0.0.1:${port}/moved`), 400, 'invalid-argument', /redirect/);
  await assertError(await get(open, `http://127.0.0.1:${port}/large`), 413, 'limit-exceeded');
  await assertError(await get(open, `http://127.0.0.1:${port}/none`), 404, 'not-found', /404/);
});

test('models, health, metrics, the page and the description', async (t) => {
  const cwd = await scratch(t);
  const server = await serve(t, ['--with-model', kDefaultModel, '--json']);
  assert.equal(await (await fetch(`${server.url}/healthz`)).text(), 'alive\n');
  assert.equal(await (await fetch(`${server.url}/readyz`)).text(), 'ready\n');
  const { models } = await (await fetch(`${server.url}/v1/models`)).json();
  assert.deepEqual(models.map(({ name, default: first }) => [name, first]), [['decal-default', true], ['decal-default.onnx', false]]);
  const named = await post(server, '/v1/cutouts?model=decal-default.onnx', picture);
  assert.equal(JSON.parse(named.headers.get('decal-report')).execution.model, 'decal-default.onnx');
  await named.arrayBuffer();
  await (await post(server, '/v1/cutouts', 'no picture')).text();
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /^decal_requests_total\{route="\/v1\/cutouts",status="200",code="ok"\} 1$/m);
  assert.match(metrics, /^decal_requests_total\{route="\/v1\/cutouts",status="422",code="corrupt-image"\} 1$/m);
  assert.match(metrics, /^decal_stage_seconds_count\{stage="inference"\} 1$/m);
  assert.match(metrics, /^decal_stage_seconds_bucket\{stage="inference",le="\+Inf"\} 1$/m);
  assert.match(metrics, /^process_resident_memory_bytes [1-9]\d{6,}$/m);
  for (const line of metrics.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) |[a-z_]+(\{[^}]*\})? [\d.e+-]+$)/, line);
  const page = await fetch(`${server.url}/`);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  assert.match(await page.text(), /<title>decal serve<\/title>/);
  const api = await (await fetch(`${server.url}/openapi.json`)).json();
  assert.deepEqual(Object.keys(api.paths).sort(), ['/api/remove', '/healthz', '/metrics', '/readyz', '/v1/cutouts', '/v1/models']);
  assert.equal((await fetch(`${server.url}/healthz`, { method: 'HEAD' })).status, 200);
  // A line per request, which JSON reads.
  const lines = server.log().trim().split('\n').map((line) => JSON.parse(line));
  const [cut] = lines.filter(({ path, status }) => path === '/v1/cutouts' && status === 200);
  assert.deepEqual([cut.method, cut.code, cut.remote, cut.report.width], ['POST', 'ok', '127.0.0.1', 96]);
  assert.ok(cut.bytesIn >= picture.length && cut.bytesOut > 100 && cut.ms > 0);
  assert.ok(lines.some(({ status, code }) => status === 422 && code === 'corrupt-image'));
  assert.equal((await decal(['serve', '--port', String(server.port)], { cwd })).status, 1);
  const refused = await decal(['serve', '--with-model', 'nowhere.onnx', '--port', '0'], { cwd });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /nowhere\.onnx: cannot open.*\(not-found\)/);
});

test('a bearer token, where one is set', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'token'), 'secret-1\n');
  const server = await serve(t, [...kAnyModel, '--token-file', join(cwd, 'token')]);
  const ask = (authorization) => post(server, '/v1/cutouts', picture, { headers: authorization ? { Authorization: authorization } : {} });
  for (const wrong of ['', 'Bearer', 'Bearer ', 'Bearer secret', 'Bearer secret-12', 'Bearer Secret-1', 'Basic secret-1', 'secret-1']) {
    const answer = await ask(wrong);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    await assertError(answer, 401, 'unauthorized');
  }
  assert.equal((await ask('Bearer secret-1')).status, 200);
  for (const open of ['/healthz', '/readyz', '/', '/openapi.json']) assert.equal((await fetch(server.url + open)).status, 200, open);
  for (const closed of ['/metrics', '/v1/models', '/api/remove?url=x']) assert.equal((await fetch(server.url + closed)).status, 401, closed);
  await writeFile(join(cwd, 'token'), '\n');
  assert.match((await decal(['serve', '--token-file', join(cwd, 'token')])).stderr, /holds no token \(invalid-argument\)/);
  const env = await serve(t, kAnyModel, { DECAL_SERVE_TOKEN: 'other' });
  assert.equal((await post(env, '/v1/cutouts', picture)).status, 401);
});

test('SIGTERM: what runs is finished, what comes is refused, the end is in time', async (t) => {
  const server = await serve(t, [...kAnyModel, '--grace', '20']);
  const photo = await disc({ width: 1200, height: 900 }).png().toBuffer();
  const head = `POST /v1/cutouts HTTP/1.1\r\nHost: x\r\nContent-Length: ${photo.length}\r\n\r\n`;
  // By a connection that is closed, so that nothing later can use it.
  const working = async ({ port }) => /^decal_queue_requests 1$/m.test(await raw(port, ['GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']));
  let goOn;
  const refused = new Promise((resolve) => { goOn = resolve; });
  const slow = raw(server.port, [head, photo.subarray(0, 100), refused, photo.subarray(100)]);
  await until(() => working(server), 'the request has a place');
  server.child.kill('SIGTERM');
  await until(() => server.stderr().includes('ending'), 'the end is announced');
  await assert.rejects(post(server, '/v1/cutouts', picture), 'a new connection');
  goOn();
  const answer = await slow;
  assert.equal(readAnswer(answer).status, 200, answer.slice(0, 300));
  assert.match(answer, /IEND/);
  assert.deepEqual(await server.ended, { status: 0, signal: null });
  assert.match(server.stderr(), /ending: what runs is finished\ndecal: ended\n$/);

  // One that does not end is not waited for for ever.
  const stuck = await serve(t, [...kAnyModel, '--grace', '1']);
  const never = raw(stuck.port, ['POST /v1/cutouts HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc']);
  await until(() => working(stuck), 'the request has a place');
  stuck.child.kill('SIGTERM');
  assert.deepEqual(await stuck.ended, { status: 1, signal: null });
  await never;
});

test('a client that goes away stops its work and frees its place', async (t) => {
  const server = await serve(t, [...kAnyModel, '--queue', '0', '--workers', '1', '--json']);
  const photo = await disc({ width: 3000, height: 3000 }).png().toBuffer();
  const head = `POST /v1/cutouts?refine=best HTTP/1.1\r\nHost: x\r\nContent-Length: ${photo.length}\r\n\r\n`;
  const ready = async () => (await fetch(`${server.url}/readyz`)).status === 200;
  const logged = () => server.log().trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter(({ path }) => path === '/v1/cutouts');
  for (let i = 0; i < 3; ++i) {
    // It leaves when its picture is being worked on, however long that took to begin. The place is free before the line is logged.
    const socket = connect(server.port, '127.0.0.1');
    socket.write(head);
    await new Promise((sent) => { socket.write(photo, sent); });
    await until(async () => !(await ready()), 'work has begun');
    socket.destroy();
    await until(ready, 'the place is free');
    await until(() => logged().length > i, 'the end is logged');
  }
  const gone = logged();
  assert.deepEqual(gone.map(({ status, code }) => [status, code]), Array(3).fill([499, 'cancelled']));
  assert.equal((await post(server, '/v1/cutouts', picture)).status, 200);
});
