// decal serve against clients that are wrong, slow, gone or too many: typed errors, whole pictures, flat memory, no crash.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as nodeTest } from 'node:test';
import sharp from 'sharp';
import { disc, kSanitized, quickModel } from './support.mjs';
import { hasServer, kAnyModel, raw, readAnswer, serve as serveModel } from './server.mjs';

const skip = (await hasServer()) ? false : 'this build has no server (libcpp-httplib-dev)';
const serve = (t, args) => serveModel(t, [...kAnyModel, ...args]);
const test = (name, run) => nodeTest(name, { skip }, run);
const picture = await disc().png().toBuffer();
const head = (lines, path = '/v1/cutouts', method = 'POST') => `${[`${method} ${path} HTTP/1.1`, 'Host: x', ...lines].join('\r\n')}\r\n\r\n`;
const kForm = 'Content-Type: multipart/form-data; boundary=b';
/** A form as bytes, with its headers. */
const formOf = (body, lines = [kForm]) => [head([...lines, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`]), Buffer.from(body, 'latin1')];
const part = (name, content, more = '') => `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${content}\r\n`;
const residentBytes = async ({ child }) => 4096 * Number((await readFile(`/proc/${child.pid}/statm`, 'utf8')).split(' ')[1]);

/** Requests that no client should send: [what, bytes, the statuses that are right, whether the client then says no more]. */
function malformed() {
  const png = picture.toString('latin1');
  const whole = part('file', png, '; filename="a.png"');
  const cases = [
    ['no request', ['\r\n\r\n'], [400, 408, 0], true],
    ['garbage', ['\x00\x01\x02\x03\xff\xfe garbage\r\n\r\n'], [400, 0], true],
    ['no version', ['GET /healthz\r\n\r\n'], [400], true],
    ['a version of the future', ['GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n'], [400], true],
    ['a method of its own', [head(['Content-Length: 0'], '/v1/cutouts', 'BREW')], [400, 405], true],
    ['a long path', [head([], `/${'a'.repeat(20000)}`, 'GET')], [400, 414, 0], true],
    ['a path that climbs', [head([], '/../../etc/passwd', 'GET')], [404], true],
    ['a path with a zero', [head([], '/%00', 'GET')], [404], true],
    ['a long header', [head([`X: ${'a'.repeat(20000)}`])], [400, 411, 0], true],
    ['many headers', [head(Array.from({ length: 3000 }, (_, i) => `X${i}: ${'a'.repeat(100)}`))], [400, 411, 413, 0], true],
    ['a header without a colon', [head(['nothing', 'Content-Length: 3']), 'abc'], [400, 422], true],
    ['no length', [head([]), picture], [411], true],
    ['a negative length', [head(['Content-Length: -5']), picture], [400], true],
    ['a length in words', [head(['Content-Length: ten']), picture], [400], true],
    ['a length with a sign', [head(['Content-Length: +10']), picture], [400], true],
    ['a length in hexadecimal', [head(['Content-Length: 0x10']), picture], [400], true],
    ['a length over 64 bits', [head(['Content-Length: 99999999999999999999999']), picture], [400, 413], true],
    ['10 GB declared', [head(['Content-Length: 10000000000']), picture], [413], true],
    ['two lengths', [head(['Content-Length: 5', 'Content-Length: 6']), 'abcdef'], [400], true],
    ['length and chunked', [head(['Content-Length: 5', 'Transfer-Encoding: chunked']), '5\r\nabcde\r\n0\r\n\r\n'], [400], true],
    ['chunked twice', [head(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']), '0\r\n\r\n'], [400], true],
    ['an unknown coding', [head(['Transfer-Encoding: gzip, chunked']), '0\r\n\r\n'], [501], true],
    ['no chunk size', [head(['Transfer-Encoding: chunked']), 'zz\r\nabc\r\n0\r\n\r\n'], [400, 422], true],
    ['an enormous chunk', [head(['Transfer-Encoding: chunked']), 'ffffffffffffffff\r\nabc'], [400, 408, 413, 422, 499], true],
    ['a negative chunk', [head(['Transfer-Encoding: chunked']), '-5\r\nabcde\r\n0\r\n\r\n'], [400, 408, 413, 422, 499], true],
    ['a chunk that is longer than it says', [head(['Transfer-Encoding: chunked']), '3\r\nabcdefgh\r\n0\r\n\r\n'], [400, 422], true],
    ['chunks without an end', [head(['Transfer-Encoding: chunked']), '3\r\nabc\r\n'], [400, 408, 499, 0], true],
    ['a body that ends early', [head(['Content-Length: 5000']), picture.subarray(0, 50)], [400, 408, 499, 0], true],
    ['a form without a boundary', formOf(whole, ['Content-Type: multipart/form-data']), [400, 422], true],
    ['an empty boundary', formOf(whole, ['Content-Type: multipart/form-data; boundary=']), [400, 422], true],
    ['a long boundary', formOf(whole, [`Content-Type: multipart/form-data; boundary=${'b'.repeat(5000)}`]), [400, 422], true],
    ['another boundary', formOf(whole, ['Content-Type: multipart/form-data; boundary=c']), [400], true],
    ['an empty form', formOf(''), [400], true],
    ['a form of nothing', formOf('--b--\r\n'), [400], true],
    ['a form that is not ended', formOf(whole.slice(0, 300)), [400, 422], true],
    ['a part without a name', formOf(`--b\r\nContent-Type: x\r\n\r\nabc\r\n${whole}--b--\r\n`), [400], true],
    ['a part without headers', formOf(`--b\r\n\r\nabc\r\n--b--\r\n`), [400], true],
    ['two pictures', formOf(`${whole}${whole}--b--\r\n`), [400], true],
    ['too many parts', formOf(`${Array.from({ length: 2000 }, (_, i) => part(`x${i}`, 'y')).join('')}${whole}--b--\r\n`), [400], true],
    ['a long field', formOf(`${part('model', 'm'.repeat(100000))}${whole}--b--\r\n`), [400], true],
    ['a field with a line feed', formOf(`${part('background', 'red\r\nX: y')}${whole}--b--\r\n`), [400], true],
    ['a file name with quotes', formOf(`${part('file', 'no picture', '; filename="a\\"b\\r\\n.png"')}--b--\r\n`), [400, 422], true],
    ['a query of nonsense', [head(['Content-Length: 3'], '/v1/cutouts?%zz&&==&format'), 'abc'], [400], true],
    ['a body with GET', [head(['Content-Length: 3'], '/healthz', 'GET'), 'abc'], [200], true],
    ['an expectation that fails', [head(['Expect: 100-continue', 'Content-Length: 10000000000'])], [413], true],
  ];
  // Cuts of a good form at many places, each with the length of the whole and with its own.
  const good = `${part('format', 'webp')}${whole}--b--\r\n`;
  for (let i = 0; i < 40; ++i) {
    const cut = good.slice(0, Math.floor((good.length * i) / 40));
    cases.push([`a form cut at ${cut.length}`, formOf(cut), [400, 422], true]);
    cases.push([`a form that stops at ${cut.length}`, [head([kForm, `Content-Length: ${good.length}`]), Buffer.from(cut, 'latin1')], [400, 408, 499, 0], true]);
  }
  // Bytes of a good request turned over.
  const request = Buffer.concat(formOf(good).map((piece) => Buffer.from(piece)));
  for (let i = 0; i < 80; ++i) {
    const wrong = Buffer.from(request);
    for (let k = 0; k < 3; ++k) wrong[(i * 7919 + k * 104729) % 260] ^= 1 << ((i + k) % 8);
    cases.push([`turned over ${i}`, [wrong], null, true]);
  }
  return cases;
}

test('200 malformed requests: typed errors, and the server answers as before', async (t) => {
  const server = await serve(t, ['--timeout', kSanitized ? '20' : '5', '--idle-timeout', '1', '--queue', '64']);
  const cases = malformed();
  assert.ok(cases.length >= 200, `${cases.length}`);
  const failures = [];
  const waiting = [...cases];
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (waiting.length > 0) {
      const [what, pieces, statuses, end] = waiting.pop();
      const answer = await raw(server.port, pieces, { end });
      const { status, code } = readAnswer(answer);
      const right = statuses === null ? status < 500 || status === 501 || status === 505 : statuses.includes(status);
      if (!right || (status >= 400 && !code)) failures.push(`${what}: ${answer.slice(0, 200)}`);
    }
  }));
  assert.deepEqual(failures, []);
  assert.equal(server.child.exitCode, null, server.stderr());
  const answer = await fetch(`${server.url}/v1/cutouts`, { method: 'POST', body: picture });
  assert.equal((await sharp(Buffer.from(await answer.arrayBuffer())).metadata()).width, 96);
  assert.doesNotMatch(server.stderr(), /runtime error|Sanitizer/);
});

test('10 GB declared and sent, and slow bodies and headers: ended by the limits', async (t) => {
  const server = await serve(t, ['--timeout', '2', '--max-upload', '1M', '--queue', '4']);
  const before = await residentBytes(server);
  // Who goes on sending gets the answer first, and is then cut off.
  const answer = await new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    const zeros = Buffer.alloc(1 << 18);
    const more = () => { while (!socket.destroyed && socket.write(zeros)); };
    socket.on('data', (piece) => { text += piece; });
    socket.on('drain', more);
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write(head(['Transfer-Encoding: chunked']));
    socket.write('255000000\r\n');
    more();
  });
  assert.deepEqual(readAnswer(answer), { status: 413, code: 'limit-exceeded' });
  const drip = (start) => raw(server.port, [start, ...Array(40).fill([100, 'a']).flat()]);
  const slow = await Promise.all([drip(head(['Content-Length: 5000'])), drip('POST /v1/cutouts HTTP/1.1\r\nX-Slow: '), drip(head([kForm, 'Content-Length: 5000']))]);
  assert.deepEqual(slow.map((text) => readAnswer(text)), Array(3).fill({ status: 408, code: 'timeout' }));
  assert.ok((await residentBytes(server)) - before < 40e6);
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
});

test('64 clients against a queue of 8: every answer is a whole picture or 503 with Retry-After', async (t) => {
  const server = await serve(t, ['--queue', '8', '--workers', '2', '--timeout', '600']);
  const expected = Buffer.from(await (await fetch(`${server.url}/v1/cutouts`, { method: 'POST', body: picture })).arrayBuffer());
  const counts = { 200: 0, 503: 0 };
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (let i = 0; i < (kSanitized ? 1 : 4); ++i) {
      const answer = await fetch(`${server.url}/v1/cutouts`, { method: 'POST', body: picture });
      const body = Buffer.from(await answer.arrayBuffer());
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status === 503) {
        assert.equal(answer.headers.get('retry-after'), '1');
        assert.equal(JSON.parse(body).error.code, 'queue-full');
      } else {
        assert.ok(expected.equals(body));
      }
    }
  }));
  assert.equal(counts[200] + counts[503], kSanitized ? 64 : 256, JSON.stringify(counts));
  assert.ok(counts[200] >= 8 && counts[503] > 0, JSON.stringify(counts));
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
});

test('more connections than allowed are told so', async (t) => {
  const server = await serve(t, ['--connections', '2', '--idle-timeout', '30']);
  const idle = [0, 1].map(() => connect(server.port, '127.0.0.1'));
  await sleep(300);
  const answer = await raw(server.port, [head([], '/healthz', 'GET')]);
  assert.deepEqual(readAnswer(answer), { status: 503, code: 'too-many-connections' });
  for (const socket of idle) socket.destroy();
  let status = 0;
  for (let i = 0; i < 100 && status !== 200; ++i, await sleep(20)) status = (await fetch(`${server.url}/healthz`)).status;
  assert.equal(status, 200);
});

test('a late request on an idle connection is answered, unless connections have run out', async (t) => {
  const [roomy, scarce] = [await serve(t, ['--idle-timeout', '1']), await serve(t, ['--idle-timeout', '1', '--connections', '2'])];
  const get = head([], '/healthz', 'GET');
  const order = [];
  // Both are told `timeout=1`. Where two are all there can be, one ends then. Its end leaves room: the other may last three seconds
  // longer, as any does elsewhere.
  const idle = (server, name) => raw(server.port, [get]).then((answer) => {
    assert.match(answer, /Keep-Alive: timeout=1,/);
    order.push(name);
  });
  await Promise.all([idle(roomy, 'roomy'), idle(scarce, 'scarce'), idle(scarce, 'scarce')]);
  assert.equal(order[0], 'scarce', order.join());
  // A machine that stands still for two seconds may send the second request too late: three attempts.
  let answered = 0;
  for (let attempt = 0; attempt < 3 && answered < 2; ++attempt) answered = (await raw(roomy.port, [get, 2000, get])).match(/alive\n/g).length;
  assert.equal(answered, 2);
});

test('200 requests of many sizes, good and bad: memory stays flat', async (t) => {
  // What a server keeps does not depend on its network, whose own memory is made once.
  const server = await serveModel(t, ['--model', quickModel(), '--workers', '2', '--timeout', '600']);
  const sizes = [[96, 64], [640, 480], [400, 700], [64, 96]];
  const files = await Promise.all(sizes.map(([width, height]) => disc({ width, height }).jpeg().toBuffer()));
  const round = async (count) => {
    let next = 0;
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (next < count) {
        const i = next++;
        const body = i % 10 === 9 ? files[1].subarray(0, 2000) : files[i % files.length];
        const answer = await fetch(`${server.url}/v1/cutouts?format=${i % 2 ? 'png' : 'webp'}`, { method: 'POST', body });
        await answer.arrayBuffer();
        assert.equal(answer.status, i % 10 === 9 ? 422 : 200);
      }
    }));
  };
  await round(kSanitized ? 20 : 60);
  const before = await residentBytes(server);
  await round(kSanitized ? 20 : 140);
  const after = await residentBytes(server);
  // Sanitizers keep what was freed.
  if (!kSanitized) assert.ok(after - before < 20e6, `${before} -> ${after}`);
});
