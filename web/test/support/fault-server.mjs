// A web server that goes wrong in every way a download has to survive, as a seed says.
// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';

const kPage = Buffer.from('<!doctype html><title>Log in</title><p>Welcome to the hotel network.');
const kDate = 'Tue, 01 Sep 2026 08:00:00 GMT';

/** What can go wrong with one response. `hashed`: only a hash can detect it, so it is tried only if one is known. */
export const kFaults = {
  'drop before the answer': ({ socket }) => socket.destroy(),
  'drop': (answer) => answer.body((piece) => answer.sendPart(piece, () => answer.socket.destroy())),
  'stall before the answer': (answer) => answer.stall(),
  'stall': (answer) => answer.body((piece) => answer.sendPart(piece, () => answer.stall())),
  '500': ({ response }) => response.writeHead(500).end('oh'),
  '503': ({ response }) => response.writeHead(503, { 'Retry-After': 'Thu, 01 Jan 2026 00:00:09 GMT' }).end(),
  '429': ({ response }) => response.writeHead(429, { 'Retry-After': '3' }).end(),
  '429 for long': ({ response }) => response.writeHead(429, { 'Retry-After': '86400' }).end(),
  '404': ({ response }) => response.writeHead(404).end('nothing here'),
  '403': ({ response }) => response.writeHead(403, { 'Content-Type': 'text/html' }).end(kPage),
  '416': ({ response }) => response.writeHead(416).end(),
  'web page': ({ response }) => response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(kPage),
  'web page in disguise': ({ response, world }) =>
    response.writeHead(200, { 'Content-Length': kPage.length, ...(world.hashed ? {} : { ETag: '"page"' }) }).end(kPage),
  'range ignored': (answer) => answer.whole(),
  // Without a length and a hash, a whole file could not be told from a short one.
  'short part': (answer) => (answer.ranged || answer.world.hashed
    ? answer.body((piece) => answer.send(piece.subarray(0, answer.random.below(piece.length) + 1)))
    : answer.normal()),
  'wrong content-range': (answer) => answer.part(answer.from && answer.from - 1, { shift: true }),
  'no content-range': (answer) => answer.part(answer.from, { silent: true }),
  'truncated gzip': (answer) => (answer.gzips ? answer.gzip({ cut: true }) : answer.normal()),
  'changed file': (answer) => {
    answer.world.version = answer.world.versions.at(-1);
    new Answer(answer.request, answer.response, answer.world).normal();
  },
  'other name for the same file': (answer) => {
    answer.world.tag += '-mirror';
    new Answer(answer.request, answer.response, answer.world).normal();
  },
};
export const kHashedFaults = {
  'wrong bytes': (answer) => answer.body((piece) => {
    const wrong = Buffer.from(piece);
    if (wrong.length > 0) wrong[answer.random.below(wrong.length)] ^= 0xff;
    answer.send(wrong);
  }),
};

class Answer {
  constructor(request, response, world) {
    Object.assign(this, { request, response, world, random: world.random, socket: response.socket });
    this.file = world.version;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    this.ranged = from !== undefined && world.ranges;
    this.from = Number(from ?? 0);
    this.to = Math.min(to ? Number(to) + 1 : Infinity, this.file.length);
    this.gzips = world.gzip && !this.ranged && /gzip/.test(request.headers['accept-encoding'] ?? '');
    const condition = request.headers['if-range'];
    if (condition !== undefined && condition !== this.etag && condition !== kDate) this.ranged = false;
  }

  get etag() {
    const { named, tag, versions } = this.world;
    const text = `"${tag}-${versions.indexOf(this.file)}"`;
    return named === 'weak' ? `W/${text}` : text;
  }

  names() {
    const { named } = this.world;
    if (named === 'date') return { 'Last-Modified': this.file === this.world.versions[0] ? kDate : 'Wed, 02 Sep 2026 08:00:00 GMT' };
    return named === 'nothing' ? {} : { ETag: this.etag };
  }

  normal() {
    if (this.ranged) return this.part(this.from);
    return this.gzips ? this.gzip({}) : this.whole();
  }

  whole() {
    const length = this.world.sized ? { 'Content-Length': this.file.length } : {};
    this.response.writeHead(200, { ...this.names(), ...length, 'Accept-Ranges': this.world.ranges ? 'bytes' : 'none' });
    this.response.end(this.file);
  }

  gzip({ cut }) {
    const bytes = gzipSync(this.file, { level: 1 });
    this.response.writeHead(200, { ...this.names(), 'Content-Encoding': 'gzip' });
    this.response.end(cut ? bytes.subarray(0, this.random.below(bytes.length)) : bytes);
  }

  part(from, { shift = false, silent = false } = {}) {
    if (!this.ranged) return this.normal();
    if (from >= this.file.length) {
      return this.response.writeHead(416, { 'Content-Range': `bytes */${this.file.length}` }).end();
    }
    const body = this.file.subarray(from, shift ? this.to - 1 : this.to);
    const range = { 'Content-Range': `bytes ${from}-${from + body.length - 1}/${this.file.length}` };
    this.response.writeHead(206, { ...this.names(), ...(silent ? {} : range), 'Content-Length': body.length });
    this.response.end(body);
  }

  /** As a normal answer, whose body `use` sends; without a length, so that it may be any. */
  body(use) {
    const { response } = this;
    const { writeHead, end } = response;
    response.writeHead = (status, { 'Content-Length': length, ...headers }) => {
      this.length = length;
      return writeHead.call(response, status, headers);
    };
    response.end = (bytes) => {
      response.end = end;
      return bytes ? use(bytes) : end.call(response);
    };
    this.normal();
  }

  send(bytes) {
    this.response.end(bytes);
  }

  sendPart(bytes, then) {
    const some = bytes.subarray(0, this.random.below(bytes.length));
    if (some.length === 0) this.response.flushHeaders();
    this.response.write(some.length > 0 ? some : Buffer.alloc(0), () => setImmediate(then));
  }

  /** Nothing any more, for so long that every patience ends. */
  stall() {
    const timer = setInterval(() => this.world.expire(), 4);
    this.socket.once('close', () => clearInterval(timer));
  }
}

/** Starts the server. `add(name, world)` gives the address of a file; worlds are told apart by it. */
export async function startFaultServer() {
  const worlds = new Map();
  const server = createServer((request, response) => {
    const world = worlds.get(request.url);
    if (!world) return response.writeHead(404).end();
    world.requests.push(request.headers.range ?? '');
    response.on('error', () => {});
    const answer = new Answer(request, response, world);
    const fault = world.nextFault(answer);
    if (fault) {
      world.met.push(fault);
      return ({ ...kFaults, ...kHashedFaults })[fault](answer);
    }
    return answer.normal();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    /**
     * `versions` of the file, the first served until it changes; `named`: etag, weak, date or nothing; `ranges`, `sized`,
     * `gzip`: what the server does; `nextFault(answer)`: a name, or null.
     */
    add(name, { versions, ...world }) {
      const whole = {
        versions, version: versions[0], tag: 'v', named: 'etag', ranges: true, sized: true, gzip: false, hashed: true,
        nextFault: () => null, expire: () => {}, random: Math.random, ...world, requests: [], met: [],
      };
      worlds.set(`/${name}`, whole);
      return { url: `http://127.0.0.1:${server.address().port}/${name}`, world: whole };
    },
    close() {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
