import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { TestClock } from '../../test/support/clock.ts';
import { FakeProducer } from '../../test/support/fake-producer.ts';
import { until } from '../../test/support/until.ts';
import { fromDeadLetter } from '../log/dead-letter.ts';
import { logErrors } from '../log/errors.ts';
import { silentLogger } from '../support/logger.ts';
import type { DeliveryOptions } from './delivery.ts';
import { Delivery } from './delivery.ts';
import type { OutgoingEvent } from './intake.ts';
import { Ledger } from './ledger.ts';

const MIB = 2 ** 20;

function setUp(change: Partial<DeliveryOptions> = {}, bufferBytes = MIB) {
  const clock = new TestClock();
  const producer = new FakeProducer();
  const delivery = new Delivery({
    producer,
    config: { bufferBytes, linger: 4, batchBytes: 64 * 1024, batchRecords: 100, spool: { bytes: MIB, after: 1_000 } },
    acknowledge: 'received',
    deliveryTimeoutMs: 5000,
    clock,
    logger: silentLogger,
    ...change,
  });
  return { clock, producer, delivery };
}

let number = 0;
function event(bytes = 100, change: Partial<OutgoingEvent> = {}): OutgoingEvent {
  return {
    id: `e${++number}`,
    topic: 'web',
    timestamp: 1,
    value: new Uint8Array(bytes),
    headers: { type: 't' },
    ...change,
  };
}

function checkAccounting(delivery: Delivery) {
  const { accepted, delivered, buffered, deadLettered, dropped } = delivery.counters;
  const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  assert.equal(accepted, delivered + buffered + deadLettered + lost);
}

test('events wait for others for the linger time, then go together', async () => {
  const { clock, producer, delivery } = setUp();
  delivery.admit([event()]);
  delivery.admit([event(), event()]);
  clock.advance(3);
  assert.deepEqual([clock.sleeping, producer.pending.length], [1, 0]);
  clock.advance(1);
  const [send] = await until('a batch is sent', () => producer.pending.length > 0 && producer.pending);
  assert.equal(send?.records.length, 3);
  checkAccounting(delivery);
  send?.succeed();
  await until('it is counted', () => delivery.counters.delivered === 3);
  assert.equal(delivery.counters.bufferBytes, 0);
  checkAccounting(delivery);
});

test('a full batch goes at once, and a partition has one send in flight', async () => {
  const { producer, delivery } = setUp();
  for (let i = 0; i < 500; i++) delivery.admit([event(10)]);
  assert.ok(producer.pending.length >= 1 && producer.pending.length <= 2);
  assert.ok(producer.pending.every(({ records }) => records.length <= 100));
});

test('a full buffer refuses at once, whole batches, and takes again when there is room', async () => {
  const { clock, producer, delivery } = setUp({}, MIB);
  const big = Array.from({ length: 10 }, () => event(50_000));
  assert.equal(delivery.admit(big).admitted, true);
  assert.equal(delivery.admit(big).admitted, true);
  const refused = delivery.admit(big);
  assert.deepEqual(refused, { admitted: false, cause: 'buffer_full', retryAfterSeconds: 1 });
  assert.equal(delivery.counters.accepted, 20);
  producer.automatic = () => undefined;
  for (const send of [...producer.pending]) send.succeed();
  clock.advance(4);
  await until('the buffer is empty', () => delivery.counters.bufferBytes === 0);
  assert.equal(delivery.admit(big).admitted, true);
});

test('a batch that the log did not take is sent again, the same, and nothing overtakes it', async () => {
  const { clock, producer, delivery } = setUp();
  const events = [event(), event()];
  delivery.admit(events);
  clock.advance(4);
  (await until('sent', () => producer.pending[0])).fail(logErrors.LOG_UNAVAILABLE('away'));
  await until('it waits to try again', () => clock.sleeping === 1);
  clock.advance(2_000);
  const again = await until('sent again', () => producer.pending[0]);
  assert.deepEqual(again.records, events);
  again.succeed();
  await until('delivered', () => delivery.counters.delivered === 2);
  assert.equal(delivery.readiness().ready, true);
});

test('a poisoned event goes to the dead letters, its neighbours to the log', async () => {
  const { clock, producer, delivery } = setUp();
  const poisoned = event(33);
  producer.automatic = (to, records) =>
    to.topic === 'web' && records.some(({ value }) => value.byteLength === 33)
      ? logErrors.RECORD_TOO_LARGE('too large')
      : undefined;
  delivery.admit([event(), event(), poisoned, event(), event()]);
  clock.advance(4);
  await until('its neighbours are delivered', () => delivery.counters.delivered === 4);
  clock.advance(4);
  await until('all is stored', () => producer.stored.length === 5 && delivery.counters.bufferBytes === 0);
  const letter = producer.stored.find(({ value }) => value.byteLength === 33);
  assert.equal(fromDeadLetter({ ...letter!, offset: 0 }).context.code, 'RECORD_TOO_LARGE');
  assert.equal(delivery.counters.deadLettered, 1);
  checkAccounting(delivery);
});

test('at `delivered`, the answer comes when the log has the events', async () => {
  const { clock, producer, delivery } = setUp({ acknowledge: 'delivered' });
  const admission = delivery.admit([event(), event()]);
  assert.ok(admission.admitted && admission.settled);
  let settled = false;
  void admission.settled.then(() => {
    settled = true;
  });
  clock.advance(4);
  const send = await until('sent', () => producer.pending[0]);
  assert.equal(settled, false);
  send.succeed();
  assert.deepEqual(await admission.settled, ['delivered', 'delivered']);
});

test('at `delivered`, a log that is away is said after the deadline, and then at once', async () => {
  const { clock, producer, delivery } = setUp({ acknowledge: 'delivered' });
  const admission = delivery.admit([event()]);
  assert.ok(admission.admitted && admission.settled);
  clock.advance(4);
  (await until('sent', () => producer.pending[0])).fail(logErrors.LOG_UNAVAILABLE('away'));
  await until('the log is known to be away', () => !delivery.readiness().ready);
  assert.deepEqual(delivery.admit([event()]), { admitted: false, cause: 'log_away', retryAfterSeconds: 1 });
  producer.automatic = () => logErrors.LOG_UNAVAILABLE('away');
  clock.advance(5_000);
  assert.deepEqual(await admission.settled, ['uncertain']);
  assert.equal(delivery.counters.buffered, 1, 'it is still on its way');
});

test('draining sends what is left and says what is not safe', async () => {
  const { clock, producer, delivery } = setUp();
  delivery.admit([event(), event()]);
  const drained = delivery.drain(1_000);
  assert.deepEqual(delivery.admit([event()]), { admitted: false, cause: 'stopping', retryAfterSeconds: 1 });
  producer.pending[0]?.succeed();
  assert.equal(await drained, 0);

  const stuck = setUp();
  stuck.delivery.admit([event(), event(), event()]);
  const late = stuck.delivery.drain(1_000);
  stuck.clock.advance(1_000);
  assert.equal(await late, 3);
  clock.advance(1);
});

test('whatever the log does, every accepted event is accounted for and none is doubled in a definite world', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ events: fc.integer({ min: 1, max: 40 }), size: fc.integer({ min: 0, max: 3_000 }) }), {
        maxLength: 30,
      }),
      fc.array(fc.boolean(), { maxLength: 60 }),
      async (requests, failures) => {
        const { clock, producer, delivery } = setUp({}, 64 * 1024);
        let call = 0;
        producer.automatic = () => (failures[call++] ? logErrors.LOG_UNAVAILABLE('away') : undefined);
        let taken = 0;
        for (const { events, size } of requests) {
          const admission = delivery.admit(Array.from({ length: events }, () => event(size)));
          if (admission.admitted) taken += events;
          checkAccounting(delivery);
        }
        await until('all is delivered', () => {
          clock.advance(1_000);
          return delivery.counters.delivered === taken;
        });
        checkAccounting(delivery);
        assert.equal(delivery.counters.bufferBytes, 0);
        const ids = producer.stored.map((record) => (record as OutgoingEvent).id);
        assert.equal(new Set(ids).size, taken);
        assert.equal(ids.length, taken);
      },
    ),
    { numRuns: 50 },
  );
});

test('while the books can not be written nothing is taken, and nothing stays held when they can again', async () => {
  const ledger = new Ledger();
  let tries = 0;
  let isWritable = false;
  ledger.keepBelow(0, (needed) => {
    tries++;
    if (!isWritable) throw new Error('ENOSPC: no space left on device');
    return needed + 1_000;
  });
  const { clock, producer, delivery } = setUp({ ledger });
  const refused = { admitted: false, cause: 'disk_unwritable', retryAfterSeconds: 5 };
  for (let i = 0; i < 50; i++) assert.deepEqual(delivery.admit([event(100_000)]), refused);
  assert.equal(tries, 1, 'each try holds up whoever asks');
  assert.deepEqual([delivery.counters.bufferBytes, delivery.counters.accepted], [0, 0]);
  checkAccounting(delivery);
  clock.advance(1_000);
  assert.deepEqual(delivery.admit([event()]), refused);
  isWritable = true;
  clock.advance(1_000);
  producer.automatic = () => undefined;
  assert.equal(delivery.admit([event()]).admitted, true);
  clock.advance(4);
  await until('it is delivered', () => delivery.counters.delivered === 1);
  assert.equal(delivery.counters.bufferBytes, 0);
  checkAccounting(delivery);
});
