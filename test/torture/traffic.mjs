// A guest's constant traffic against upstream.mjs, through 169.254.16.9. Every connection that has ended is told in a line
// of JSON; whether what became of it is right is for the reader to judge, who knows what the daemons had to endure then:
//
//   { kind, port, from, start, reached, end, outcome, upstream, bytes, note }
//
// Times are the machine's monotonic clock in milliseconds, the same in every process: `from`: port of the guest,
// `start` right before connect(2),
// `reached` when the upstream has said who it is (0: never), `end`. Outcomes: ok, refused, reset, cut (ended too early),
// wrong (bytes), timeout, unreachable.
//
//   node traffic.mjs OPTIONS        JSON: { ports, toggles, kinds: { short|download|upload|bulk|half|session: COUNT },
//                                   seed, pauseMs, seconds, timeoutMs }
//
// COUNT connections of a kind are open at any time, each to one of `ports`, or to one of `toggles`, which are open only
// now and then. On standard input: `pause`: nothing new is opened, transfers end, sessions stay; `{"said":"paused"}` is
// printed then. `go`: on after a pause. `finish`: sessions echo once more and end too; `{"said":"finished"}`.
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { matches, piece } from './pattern.mjs';

const SERVICE_ADDRESS = '169.254.16.9';
const CHUNK_BYTES = 64 * 1024;
const OUTCOMES = { ECONNREFUSED: 'refused', ECONNRESET: 'reset', EPIPE: 'reset' };

const options = {
  toggles: [],
  pauseMs: 20,
  seconds: 5,
  timeoutMs: 20_000,
  kinds: { short: 2 },
  seed: 1,
  ...JSON.parse(process.argv[2]),
};

let state = options.seed >>> 0 || 1;
/** A whole number from 0 to below `limit`. */
function random(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % limit;
}

function now() {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** What a connection of a kind does: bytes up and down, bytes a second, when the upstream answers. */
const KINDS = {
  short: () => ({ up: 10 + random(200), down: 1 + random(2000), rate: 0, order: 'now' }),
  download: () => ({ up: 0, ...paced(), order: 'now' }),
  bulk: () => ({ up: 0, down: 1_000_000 + random(4_000_000), rate: 0, order: 'now' }),
  upload: () => ({ up: 500_000 + random(4_000_000), down: 10, rate: 0, order: 'after' }),
  half: () => ({ up: 100 + random(100_000), ...paced(), order: 'after' }),
};

/** A transfer that takes about `seconds`, from a tenth to the double of it. */
function paced() {
  const rate = 20_000 + random(200_000);
  return { rate, down: Math.round(rate * options.seconds * (0.1 + random(1900) / 1000)) };
}

const going = { on: true, sessions: true };
let waiters = [];

/** Resolves when `going` has changed. */
function changed() {
  return new Promise((resolve) => {
    waiters.push(resolve);
  });
}

function change(values) {
  Object.assign(going, values);
  for (const wake of waiters) wake();
  waiters = [];
}

/** A connection: `read(n)` resolves with exactly n bytes or up to a line feed, or rejects with the outcome. */
class Connection {
  constructor(kind, port) {
    this.told = {
      kind,
      port,
      from: 0,
      start: now(),
      reached: 0,
      end: 0,
      outcome: 'ok',
      upstream: 0,
      bytes: 0,
      note: '',
    };
    this.pending = Buffer.alloc(0);
    this.wake = () => {};
    this.socket = createConnection({ host: SERVICE_ADDRESS, port, allowHalfOpen: true, noDelay: true });
    this.socket.on('connect', () => {
      this.told.from = this.socket.localPort;
    });
    this.socket.on('data', (bytes) => {
      this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
      if (this.pending.length > 4 * CHUNK_BYTES) this.socket.pause();
      this.wake();
    });
    this.socket.on('error', (error) => this.over(OUTCOMES[error.code] ?? 'unreachable', error.code));
    this.socket.on('end', () => this.over('cut'));
    this.ending = undefined;
  }

  over(outcome, note = '') {
    this.ending ??= { outcome, note };
    this.wake();
  }

  /** Waits for something to happen, for so long at the most. */
  async news(timeoutMs = options.timeoutMs) {
    await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.over('timeout');
        resolve();
      }, timeoutMs);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = () => {};
        resolve();
      };
    });
  }

  /** The next bytes, at least one. */
  async some() {
    while (this.pending.length === 0) {
      if (this.ending !== undefined) throw this.ending;
      await this.news();
    }
    const bytes = this.pending;
    this.pending = Buffer.alloc(0);
    this.socket.resume();
    return bytes;
  }

  async line() {
    let text = Buffer.alloc(0);
    for (;;) {
      text = Buffer.concat([text, await this.some()]);
      const end = text.indexOf('\n');
      if (end < 0) continue;
      this.unread(text.subarray(end + 1));
      return text.subarray(0, end).toString();
    }
  }

  unread(bytes) {
    this.pending = Buffer.concat([bytes, this.pending]);
  }

  async reach(request) {
    this.socket.write(request);
    const line = await this.line();
    const [, upstream] = /^upstream (\d+)$/.exec(line) ?? [];
    if (upstream === undefined) throw { outcome: 'wrong', note: `greeting ${line.slice(0, 40)}` };
    this.told.upstream = Number(upstream);
    this.told.reached = now();
  }

  /** The other side's end, and nothing before it. */
  async theEnd() {
    while (this.ending === undefined && this.pending.length === 0) await this.news();
    if (this.pending.length > 0) throw { outcome: 'wrong', note: 'bytes after the end' };
    if (this.ending.outcome !== 'cut') throw this.ending;
  }

  close() {
    if (this.told.outcome === 'ok') this.socket.end();
    else this.socket.destroy();
    this.told.end = now();
    process.stdout.write(`${JSON.stringify(this.told)}\n`);
  }
}

async function upload(connection, seed, total) {
  const { socket } = connection;
  for (let sent = 0; sent < total && connection.ending === undefined; ) {
    const bytes = piece(seed, sent, Math.min(CHUNK_BYTES, total - sent));
    sent += bytes.length;
    if (socket.write(bytes)) continue;
    // Both ends of the wait are bounded: news() gives up, and an error ends the loop.
    const drained = () => connection.wake();
    socket.once('drain', drained);
    while (socket.writableNeedDrain && connection.ending === undefined) await connection.news();
    socket.off('drain', drained);
  }
  if (connection.ending === undefined) socket.end();
}

async function transfer(kind, connection) {
  const { up, down, rate, order } = KINDS[kind]();
  const seed = random(1_000_000);
  await connection.reach(`transfer ${up} ${down} ${seed} ${rate} ${order}\n`);
  await upload(connection, seed, up);
  let received = 0;
  while (received < down) {
    const bytes = await connection.some();
    const wanted = bytes.subarray(0, down - received);
    if (!matches(wanted, seed, received)) throw { outcome: 'wrong', note: `after ${received} of ${down}` };
    if (bytes.length > wanted.length) connection.unread(bytes.subarray(wanted.length));
    received += wanted.length;
    connection.told.bytes = received + up;
  }
  const verdict = await connection.line();
  if (verdict !== `received ${up} right`) throw { outcome: 'wrong', note: verdict.slice(0, 60) };
  connection.told.bytes = received + up;
  await connection.theEnd();
}

/** Stays open until sessions end (or as long as `seconds`, for every second one), then must still echo. */
async function session(number, connection) {
  await connection.reach('session\n');
  const until = now() + options.seconds * 1000 * (0.2 + random(100) / 50);
  const echo = async () => {
    const word = `${connection.told.start} ${random(1_000_000)}`;
    connection.socket.write(`${word}\n`);
    const answer = await connection.line();
    if (answer !== word) throw { outcome: 'wrong', note: `echo ${answer.slice(0, 40)}` };
    connection.told.bytes += word.length;
  };
  await echo();
  const isOver = () =>
    !going.sessions || connection.ending !== undefined || (number % 2 === 1 && now() > until);
  while (!isOver()) {
    await Promise.race([sleep(100), changed()]);
    if (connection.pending.length > 0) throw { outcome: 'wrong', note: 'bytes that nobody asked for' };
  }
  await echo();
  connection.socket.end();
  await connection.theEnd();
}

/** Every fourth connection goes to a service that may be there or not; sessions last longer than those do. */
function portFor(kind) {
  const { ports, toggles } = options;
  const from = kind !== 'session' && toggles.length > 0 && random(4) === 0 ? toggles : ports;
  return from[random(from.length)];
}

async function converse(kind, number) {
  const port = portFor(kind);
  const connection = new Connection(kind, port);
  try {
    await (kind === 'session' ? session(number, connection) : transfer(kind, connection));
  } catch (trouble) {
    const { outcome = 'wrong', note = String(trouble?.stack ?? trouble) } = trouble;
    Object.assign(connection.told, { outcome, note });
  }
  connection.close();
  if (connection.told.outcome !== 'ok') await sleep(20);
}

/** Transfers at full speed leave the processor to others for a while. */
const HEAVY = ['bulk', 'upload'];
const HEAVY_PAUSE = 10;

const busy = { transfers: 0, sessions: 0 };

async function worker(kind, number) {
  const what = kind === 'session' ? 'sessions' : 'transfers';
  while (going.sessions) {
    if (!going.on) {
      await changed();
      continue;
    }
    busy[what] += 1;
    await converse(kind, number);
    busy[what] -= 1;
    change({});
    if (options.pauseMs > 0)
      await sleep(random(2 * options.pauseMs) * (HEAVY.includes(kind) ? HEAVY_PAUSE : 1));
  }
}

for (const [kind, count] of Object.entries(options.kinds)) {
  for (let number = 0; number < count; number++) void worker(kind, number);
}

function say(said) {
  console.log(JSON.stringify({ said }));
}

for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'pause') {
    change({ on: false });
    while (busy.transfers > 0) await changed();
    say('paused');
  } else if (command === 'finish') {
    change({ on: false, sessions: false });
    while (busy.transfers + busy.sessions > 0) await changed();
    say('finished');
    process.exit(0);
  } else if (command === 'go') {
    change({ on: true });
    say('going');
  }
}
process.exit(0);
