import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { FakeProducer } from '../../test/support/fake-producer.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { until } from '../../test/support/until.ts';
import { DATABASE_FILE } from '../log/embedded/schema.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { Delivery } from './delivery.ts';
import type { Totals } from './ledger.ts';

const MIB = 2 ** 20;
const MEMBER = path.join(import.meta.dirname, '../../test/support/collecting-member.ts');
const LIMITS = { bufferBytes: MIB, linger: 1, batchBytes: MIB, batchRecords: 500, spool: { bytes: MIB, after: 50 } };

const holds = ({ accepted, delivered, buffered, spooled, deadLettered, dropped }: Totals) =>
  accepted === delivered + buffered + spooled + deadLettered + Object.values(dropped).reduce((a, b) => a + b, 0);

/** A process that takes events until it is killed; `taken` counts what it acknowledged. */
function member(t: TestContext, root: string, level: string) {
  const child = spawn(process.execPath, [MEMBER, root, level], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const state = { taken: 0 };
  child.stdout.on('data', (chunk: Buffer) => {
    state.taken += chunk.toString().split('\n').length - 1;
  });
  return {
    state,
    kill: async () => {
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
      return state.taken;
    },
  };
}

async function begin(root: string) {
  const books = await Bookkeeper.open({
    ...{ root, withSpool: true, maxBytes: 256 * MIB, clock: systemClock, logger: silentLogger },
    logging: { level: 'error', format: 'json' },
    onFailure: (error) => assert.fail(error),
  });
  const producer = new FakeProducer(2);
  producer.automatic = () => undefined;
  const { spool, ledger } = books;
  const delivery = new Delivery({
    ...{ producer, config: LIMITS, acknowledge: 'received', deliveryTimeoutMs: 5_000, ledger },
    ...{ clock: systemClock, logger: silentLogger, ...(spool ? { spool } : {}) },
  });
  books.start(delivery);
  return { books, producer, delivery };
}

for (const level of ['spooled', 'received']) {
  test(`after kill -9 at \`${level}\` the books hold, and the next process delivers what was spooled`, async (t) => {
    const root = path.join(temporaryDirectory(t), 'spool');
    const first = member(t, root, level);
    await until('events are taken', () => first.state.taken > 300);
    const taken = await first.kill();

    const { books, producer, delivery } = await begin(root);
    await until('the spool is empty', () => books.totals().spooled === 0);
    const totals = books.totals();
    assert.ok(holds(totals), JSON.stringify(totals));
    const lost = taken - totals.delivered;
    if (level === 'spooled') assert.ok(lost <= 0, `${lost} acknowledged events are missing`);
    assert.ok((totals.dropped['crash'] ?? 0) >= lost, `${lost} lost, but ${JSON.stringify(totals.dropped)} said`);
    assert.equal(new Set(producer.stored.map(({ value }) => Buffer.from(value).toString())).size, totals.delivered);
    assert.equal(await delivery.drain(5_000), 0);
    await books.close();
    assert.deepEqual(Bookkeeper.totalsOf(root), totals);
  });
}

test('a living process takes up what dead ones left, and removes their spools', async (t) => {
  const root = path.join(temporaryDirectory(t), 'spool');
  const [one, two] = [member(t, root, 'spooled'), member(t, root, 'spooled')];
  await until('both take events', () => one.state.taken > 100 && two.state.taken > 100);
  const { books, producer, delivery } = await begin(root);
  assert.ok(existsSync(path.join(root, '2')), 'each has a slot of its own');
  const taken = (await one.kill()) + (await two.kill());
  await until('both spools are adopted and empty', () => {
    const { spooled, buffered } = books.totals();
    return spooled === 0 && buffered === 0 && [0, 1].every((n) => !existsSync(path.join(root, String(n), 'log')));
  });
  const totals = books.totals();
  assert.ok(holds(totals), JSON.stringify(totals));
  assert.ok(totals.delivered >= taken);
  assert.equal(producer.stored.length, totals.delivered);
  await delivery.drain(5_000);
  await books.close();
});

test('a spool that can not be opened does not stand before those after it', async (t) => {
  const root = path.join(temporaryDirectory(t), 'spool');
  const [one, two] = [member(t, root, 'spooled'), member(t, root, 'spooled')];
  await until('both take events', () => one.state.taken > 100 && two.state.taken > 100);
  const { books, delivery } = await begin(root);
  const [first, second] = [0, 1].map((n) => path.join(root, String(n), 'log')) as [string, string];
  // The process goes on in the files that it has open.
  rmSync(first, { recursive: true });
  mkdirSync(first);
  writeFileSync(path.join(first, DATABASE_FILE), 'no database');
  await one.kill();
  await two.kill();
  await until('the other one is adopted and empty', () => !existsSync(second));
  assert.equal(readFileSync(path.join(first, DATABASE_FILE), 'utf8'), 'no database');
  await delivery.drain(5_000);
  await books.close();
});

test('two processes never hold one slot, and a slot that is free is taken again', async (t) => {
  const root = path.join(temporaryDirectory(t), 'spool');
  const first = await begin(root);
  const second = await begin(root);
  for (const [{ delivery }, events] of [
    [first, 3],
    [second, 4],
  ] as const) {
    delivery.admit(Array.from({ length: events }, (_, n) => event(n)));
  }
  await until('each sees both', () => [first, second].every(({ books }) => books.totals().delivered >= 3));
  for (const { delivery, books } of [first, second]) {
    await delivery.drain(5_000);
    await books.close();
  }
  assert.equal(Bookkeeper.totalsOf(root).delivered, 7);
  const third = await begin(root);
  assert.equal(third.books.ledger.totals.delivered, 3);
  await third.delivery.drain(5_000);
  await third.books.close();
});

function event(number: number) {
  return { id: `e${number}`, topic: 'web', timestamp: number, value: Buffer.from(String(number)), headers: {} };
}
