// Fails in many ways, each with other values for each seed, and writes what an instrumentation would record.
import fs from 'node:fs/promises';
import net from 'node:net';
import { EventEmitter, once } from 'node:events';
import assert from 'node:assert';

let state = Number(process.argv[2]) * 2654435761 % 4294967296;
const random = () => { state = (state * 1664525 + 1013904223) % 4294967296; return state / 4294967296; };
const int = (n) => Math.floor(random() * n);
const one = (...words) => words[int(words.length)];
const id = () => 1000 + int(900000);
const name = () => one('Alice Smith', 'Bob', 'Chandra Nath Rao', 'Dörte Müller', 'Eve', 'Jean-Luc');
const tenant = () => one('acme', 'globex', 'initech', 'umbrella', 'hooli');
const hex = () => int(2 ** 32).toString(16).padStart(8, '0') + int(2 ** 32).toString(16).padStart(8, '0');

class OrderError extends Error {
  constructor(message, options) { super(message, options); this.name = 'OrderError'; }
}
class ValidationError extends Error {
  constructor(message) { super(message); this.name = 'ValidationError'; this.code = 'E_VALIDATION'; }
}

//PAD
// As the OpenTelemetry SDK records exceptions: the code before the name.
function emit(cause, e, stack = true) {
  const type = e.code ? String(e.code) : e.name;
  console.log(JSON.stringify({ cause, type, message: e.message, ...(stack ? { stack: e.stack } : {}) }));
}

async function handle(cause, work) {
  try {
    if (random() < 0.5) await new Promise((done, fail) => setImmediate(() => work().then(done, fail)));
    else await work();
  } catch (e) {
    emit(cause, e);
  }
}

//PAD
class Cart {
  constructor() { this.lines = []; }
  async contact() { return this.owner.email; }
  async first(i) { return this.lines[i].cents; }
  async discount() { return this.lines.rebate(int(9)); }
  async sum() { return [id(), id()].map((n) => { if (n > 0) throw new RangeError(`line ${n} exceeds ${int(90)} %`); return n; }); }
}

async function connect(port) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
}

//PAD
class Gateway {
  async charge() {
    try {
      await connect(1 + int(8));
    } catch (cause) {
      throw new OrderError(`charging ${int(500)}.${int(100)} EUR for ${name()} failed: ${cause.message}`, { cause });
    }
  }
  async refund() {
    await Promise.resolve();
    throw new OrderError(`refund ${hex()} is pending since ${new Date(1.6e12 + int(1e9) * 100).toISOString()}`);
  }
}

class Validator {
  async check(field) {
    if (field === 0) throw new ValidationError(`delivery address of ${name()} is missing`);
    if (field === 1) throw new ValidationError(`voucher "${one('SUMMER24', 'XMAS', 'FREE 10')}" has expired`);
    throw new ValidationError(`e-mail ${one('a.b@shop.example', 'x@y.example', 'bob+spam@mail.example')} bounced ${int(20)} times`);
  }
}

//PAD
async function parse() {
  return JSON.parse(one('nope', 'seven', '<html><body>', 'zzz'));
}

async function parseLong() {
  return JSON.parse(one('{"a":', '[1,', '{"order": "17", "lines": ['));
}

async function terms() {
  return fs.readFile(`/nonexistent/${tenant()}/terms-${id()}.txt`);
}

const rules = {
  async apply() { throw new TypeError(`rule ${one('summer', 'vip', 'outlet')} of shop ${tenant()} is no function`); },
};

async function quantity() { assert.strictEqual(id(), -1); }

async function deep(n) { return (function down(k) { return down(k + 1) + k; })(n); }

async function emitted() {
  const bus = new EventEmitter();
  bus.emit('error', new OrderError(`bus of ${tenant()} closed with ${int(999)} messages in flight`));
}

const cart = new Cart(), gateway = new Gateway(), validator = new Validator();
await handle('node/no-owner', () => cart.contact());
await handle('node/no-line', () => cart.first(int(9)));
await handle('node/no-rebate', () => cart.discount());
await handle('node/line-range', () => cart.sum());
await handle('node/charge-refused', () => gateway.charge());
await handle('node/refund-pending', () => gateway.refund());
await handle('node/address-missing', () => validator.check(0));
await handle('node/voucher-expired', () => validator.check(1));
await handle('node/mail-bounced', () => validator.check(2));
await handle('node/not-json', parse);
await handle('node/truncated-json', parseLong);
await handle('node/terms-missing', terms);
await handle('node/rule-broken', () => rules.apply());
await handle('node/quantity', quantity);
await handle('node/endless', () => deep(0));
await handle('node/bus-closed', emitted);
emit('node/logged-stalled', new OrderError(`worker ${hex()} stalled after ${int(9999)} ms on job ${id()}`), false);
emit('node/logged-quota', new OrderError(`shop ${tenant()} has used ${int(100)} of ${100 + int(900)} calls`), false);
