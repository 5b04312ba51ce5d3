import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { FakeProducer } from '../../test/support/fake-producer.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { until } from '../../test/support/until.ts';
import { fromDeadLetter } from '../log/dead-letter.ts';
import { logErrors } from '../log/errors.ts';
import { systemClock } from '../support/clock.ts';
import { silentLogger } from '../support/logger.ts';
import type { AcknowledgeLevel, DeliveryOptions } from './delivery.ts';
import { Delivery } from './delivery.ts';
import type { OutgoingEvent } from './intake.ts';
import { Ledger } from './ledger.ts';
import { Spool } from './spool.ts';

const MIB = 2 ** 20;
const AWAY = () => logErrors.LOG_UNAVAILABLE('away');

interface Change extends Partial<DeliveryOptions> {
  readonly directory?: string;
  readonly acknowledge?: AcknowledgeLevel;
  readonly spoolBytes?: number;
  readonly bufferBytes?: number;
  readonly after?: number;
  readonly ledger?: Ledger;
  readonly producer?: FakeProducer;
}

async function openSpool(directory: string, ledger: Ledger, maxBytes = 64 * MIB): Promise<Spool> {
  const spool = await Spool.open({
    directory,
    maxBytes,
    ledger,
    clock: systemClock,
    logger: silentLogger,
    logging: { level: 'error', format: 'json' },
    onFailure: (error) => assert.fail(error),
  });
  return spool;
}

/** A delivery in front of a log with one partition a topic, and a spool in real files. */
async function setUp(t: TestContext, change: Change = {}) {
  const { directory = temporaryDirectory(t), acknowledge = 'received', spoolBytes, after = 50 } = change;
  const producer = change.producer ?? new FakeProducer(1);
  const ledger = change.ledger ?? new Ledger();
  const spool = await openSpool(directory, ledger, spoolBytes);
  const delivery = new Delivery({
    producer,
    config: {
      bufferBytes: change.bufferBytes ?? MIB,
      linger: 1,
      batchBytes: 64 * 1024,
      batchRecords: 100,
      spool: { bytes: 64 * MIB, after },
    },
    acknowledge,
    deliveryTimeoutMs: 5_000,
    clock: systemClock,
    logger: silentLogger,
    spool,
    ...(change.onDelivered ? { onDelivered: change.onDelivered } : {}),
  });
  const close = async () => {
    const unsafe = await delivery.drain(200);
    await spool.close();
    return unsafe;
  };
  t.after(close);
  return { directory, producer, spool, delivery, close };
}

function events(from: number, count: number, bytes = 0, topic = 'web'): OutgoingEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `e${from + i}`,
    topic,
    timestamp: from + i,
    value: Buffer.from(String(from + i).padStart(bytes, '0')),
    headers: { type: 't' },
  }));
}

const numbers = ({ stored }: FakeProducer) => stored.map(({ value }) => Number(Buffer.from(value).toString()));
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

function checkAccounting(delivery: Delivery) {
  const { accepted, delivered, buffered, spooled, deadLettered, dropped } = delivery.counters;
  const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  assert.equal(accepted, delivered + buffered + spooled + deadLettered + lost, JSON.stringify(delivery.counters));
}

test('at `received`, what a log that is away from the start does not take goes to the spool, and then arrives', async (t) => {
  const { producer, delivery } = await setUp(t);
  producer.automatic = AWAY;
  for (let i = 0; i < 1_000; i += 10) {
    assert.equal(delivery.admit(events(i, 10)).admitted, true);
    await new Promise(setImmediate);
    checkAccounting(delivery);
  }
  await until('memory is free again', () => delivery.counters.buffered === 0);
  assert.equal(delivery.counters.spooled, 1_000);
  assert.equal(delivery.counters.bufferBytes, 0);
  assert.ok(delivery.counters.spoolBytes > 0);
  producer.automatic = () => undefined;
  await until('all is delivered', () => delivery.counters.delivered === 1_000);
  assert.deepEqual(
    numbers(producer).sort((a, b) => a - b),
    range(0, 1_000),
  );
  assert.equal(delivery.counters.spoolBytes, 0);
  checkAccounting(delivery);
});

test('a send that hangs is noticed: later events leave memory, and the collector goes on taking', async (t) => {
  const { producer, delivery } = await setUp(t, { bufferBytes: MIB });
  for (let i = 0; i < 4_000; i += 10) {
    await until('there is room', () => delivery.admit(events(i, 10, 1_000)).admitted);
  }
  assert.equal(producer.pending.length, 1, 'one send is in flight');
  await until('all but the send in flight is spooled', () => delivery.counters.spooled >= 3_900);
  producer.automatic = () => undefined;
  producer.pending[0]!.succeed();
  await until('all is delivered', () => delivery.counters.delivered === 4_000);
  assert.equal(new Set(numbers(producer)).size, 4_000);
});

test('at `spooled`, the answer comes from the disk, and the log gets all in order, outage or not', async (t) => {
  const { producer, delivery } = await setUp(t, { acknowledge: 'spooled' });
  producer.automatic = AWAY;
  for (let i = 0; i < 500; i += 50) {
    const admission = delivery.admit(events(i, 50));
    assert.ok(admission.admitted && admission.settled);
    assert.deepEqual(new Set(await admission.settled), new Set(['delivered']));
    if (i === 200) producer.automatic = () => undefined;
    if (i === 300) producer.automatic = AWAY;
  }
  producer.automatic = () => undefined;
  await until('all is delivered', () => delivery.counters.delivered === 500);
  assert.deepEqual(numbers(producer), range(0, 500));
  checkAccounting(delivery);
});

test('at `delivered`, nothing is spooled: a log that is away is said', async (t) => {
  const { producer, delivery } = await setUp(t, { acknowledge: 'delivered' });
  producer.automatic = AWAY;
  delivery.admit(events(0, 10));
  await until('the log is known to be away', () => !delivery.readiness().ready);
  assert.deepEqual(delivery.admit(events(10, 1)), { admitted: false, cause: 'log_away', retryAfterSeconds: 1 });
  assert.equal(delivery.counters.spooled, 0);
  producer.automatic = () => undefined;
  await until('it arrives', () => delivery.counters.delivered === 10);
  assert.equal(delivery.readiness().ready, true);
});

test('replay goes on after a restart where it stood, in order', async (t) => {
  const first = await setUp(t, { acknowledge: 'spooled' });
  first.producer.automatic = AWAY;
  for (let i = 0; i < 3_000; i += 100) {
    const admission = first.delivery.admit(events(i, 100, 500));
    if (admission.admitted) await admission.settled;
  }
  let sends = 0;
  first.producer.automatic = () => (++sends > 2 ? AWAY() : undefined);
  await until('a part is replayed', () => first.delivery.counters.delivered > 0 && sends > 2);
  await until('what was taken is removed', () => first.spool.records === 3_000 - first.producer.stored.length);
  assert.equal(await first.close(), 0);

  const { spooled } = first.delivery.counters;
  const second = await setUp(t, { directory: first.directory, acknowledge: 'spooled' });
  assert.equal(second.spool.events, spooled);
  second.producer.automatic = () => undefined;
  await until('the rest is replayed', () => second.spool.records === 0);
  assert.deepEqual([...numbers(first.producer), ...numbers(second.producer)], range(0, 3_000));
});

test('a stop waits for what is being replayed, so that it is not sent once more', async (t) => {
  const { directory, producer, delivery, spool } = await setUp(t, { bufferBytes: 8 * MIB });
  producer.automatic = AWAY;
  for (let i = 0; i < 2_000; i += 100) delivery.admit(events(i, 100, 1_000));
  await until('all is spooled', () => spool.records === 2_000);
  producer.automatic = undefined;
  // Once the first is answered the log is known to be there.
  (await until('a part is being replayed', () => producer.pending[0])).succeed();
  const last = await until('the next part is', () => producer.pending[0]);
  let isStopped = false;
  const drained = delivery.drain(60_000).finally(() => {
    isStopped = true;
  });
  await new Promise(setImmediate);
  assert.equal(isStopped, false);
  last.succeed();
  assert.equal(await drained, 0);
  await spool.close();
  const second = await setUp(t, { directory });
  second.producer.automatic = () => undefined;
  await until('the rest is replayed', () => second.spool.records === 0);
  assert.deepEqual([...numbers(producer), ...numbers(second.producer)], range(0, 2_000));
});

test('replay and live events take turns, so that neither waits for the other to end', async (t) => {
  const { producer, delivery, spool } = await setUp(t, { after: 50, bufferBytes: 8 * MIB });
  producer.automatic = AWAY;
  for (let i = 0; i < 3_000; i += 100) delivery.admit(events(i, 100, 1_000));
  await until('all is spooled', () => spool.records === 3_000);
  producer.automatic = undefined;
  // The probe succeeds, and from then on 5 live batches stand beside the replay.
  const turns: string[] = [];
  const turn = async () => {
    const send = await until('a send', () => producer.pending[0]);
    turns.push(send.records.every(({ timestamp }) => timestamp >= 10_000) ? 'live' : 'replay');
    send.succeed();
    await new Promise(setImmediate);
  };
  await turn();
  for (let i = 0; i < 500; i += 100) delivery.admit(events(10_000 + i, 100));
  for (let i = 0; i < 14; i++) await turn();
  const live = turns.flatMap((kind, at) => (kind === 'live' ? [at] : []));
  assert.equal(live.length, 5, turns.join());
  for (const [i, at] of live.entries()) assert.ok(i === 0 || at - live[i - 1]! === 2, turns.join());
  producer.automatic = () => undefined;
  producer.pending[0]?.succeed();
  await until('all is delivered', () => delivery.counters.delivered === 3_500);
});

test('a poisoned event in the spool goes to the dead letters, its neighbours to the log', async (t) => {
  const { producer, delivery } = await setUp(t);
  producer.automatic = AWAY;
  delivery.admit([...events(0, 40), ...events(40, 1, 99), ...events(41, 40)]);
  await until('all is spooled', () => delivery.counters.spooled === 81);
  producer.automatic = (to, records) =>
    to.topic === 'web' && records.some(({ value }) => value.byteLength === 99)
      ? logErrors.RECORD_TOO_LARGE('too large')
      : undefined;
  await until('its neighbours are delivered', () => delivery.counters.delivered === 80);
  await until('the dead letter is stored', () => producer.stored.length === 81);
  assert.equal(delivery.counters.deadLettered, 1);
  const letter = producer.stored.find(({ value }) => value.byteLength === 99)!;
  assert.equal(fromDeadLetter({ ...letter, offset: 0 }).context.code, 'RECORD_TOO_LARGE');
  checkAccounting(delivery);
});

test('a topic that is unknown holds no other back; if its dead letters are refused too, they are counted', async (t) => {
  const { producer, delivery } = await setUp(t);
  producer.automatic = AWAY;
  delivery.admit([...events(0, 50, 0, 'gone'), ...events(50, 50)]);
  await until('all is spooled', () => delivery.counters.spooled === 100);
  producer.automatic = ({ topic }) => (topic === 'web' ? undefined : logErrors.TOPIC_UNKNOWN('no such topic'));
  await until('all is decided', () => delivery.counters.delivered === 50 && delivery.counters.spooled === 0);
  await until('the dead letters are', () => delivery.counters.dropped['dead_letter_refused'] === 50);
  assert.equal(delivery.counters.deadLettered, 0);
  checkAccounting(delivery);
});

for (const acknowledge of ['received', 'spooled'] as const) {
  test(`at \`${acknowledge}\`, a full spool is said, and taken from again when the log is back`, async (t) => {
    const { producer, delivery } = await setUp(t, { acknowledge, spoolBytes: MIB, bufferBytes: MIB });
    producer.automatic = AWAY;
    let taken = 0;
    const refused = await until('it is full', async () => {
      const admission = delivery.admit(events(taken, 20, 5_000));
      if (!admission.admitted) return admission.cause === 'spool_full' && admission;
      taken += 20;
      await admission.settled;
      return undefined;
    });
    assert.deepEqual(refused, { admitted: false, cause: 'spool_full', retryAfterSeconds: 5 });
    assert.ok(delivery.counters.spoolBytes <= 1.2 * MIB);
    assert.ok(delivery.counters.bufferBytes <= MIB);
    producer.automatic = () => undefined;
    await until('all is delivered', () => delivery.counters.delivered === taken);
    assert.equal(delivery.admit(events(taken, 1)).admitted, true);
    checkAccounting(delivery);
  });
}

test('a stop while the log is away spools what is in memory', async (t) => {
  const { producer, delivery, spool, close } = await setUp(t, { after: 60_000 });
  producer.automatic = AWAY;
  delivery.admit(events(0, 100));
  assert.equal(await close(), 0);
  assert.equal(delivery.counters.spooled, 100);
  assert.equal(spool.events, 100);
});

test('a spool that is gone before the stop leaves events in memory, and the stop says how many', async (t) => {
  const { producer, delivery, spool } = await setUp(t, { acknowledge: 'spooled' });
  producer.automatic = AWAY;
  await spool.close();
  delivery.admit(events(0, 10));
  assert.equal(await delivery.drain(100), 10);
  checkAccounting(delivery);
});

test('kill -9 at any moment: the spool holds everything that was acknowledged', async (t) => {
  const directory = temporaryDirectory(t);
  const writer = path.join(import.meta.dirname, '../../test/support/spool-writer.ts');
  const acknowledged = new Set<number>();
  for (let run = 0; run < 5; run++) {
    const child = spawn(process.execPath, [writer, directory, String(run * 1_000_000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const ended = once(child, 'close');
    const enough = Math.random() * 5_000;
    await until('events are acknowledged', () => output.length > enough);
    child.kill('SIGKILL');
    await ended;
    for (const line of output.slice(0, output.lastIndexOf('\n') + 1).split('\n')) {
      if (line !== '') acknowledged.add(Number(line));
    }
  }
  const { producer, spool } = await setUp(t, { directory });
  producer.automatic = () => undefined;
  await until('all is replayed', () => spool.records === 0);
  const arrived = new Set(numbers(producer));
  assert.ok(acknowledged.size > 0);
  assert.deepEqual(
    [...acknowledged].filter((number) => !arrived.has(number)),
    [],
  );
});
