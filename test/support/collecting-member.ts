/** A process that keeps its books below a directory and takes events while the log is away; says how many it took. */
import { writeSync } from 'node:fs';
import { Bookkeeper } from '../../src/delivery/bookkeeper.ts';
import { Delivery } from '../../src/delivery/delivery.ts';
import { logErrors } from '../../src/log/errors.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { FakeProducer } from './fake-producer.ts';
import { say } from './say.ts';

const MIB = 2 ** 20;
const [root, acknowledge] = process.argv.slice(2) as [string, 'received' | 'spooled'];
const common = { clock: systemClock, logger: silentLogger };
const books = await Bookkeeper.open({
  ...common,
  ...{ root, withSpool: true, maxBytes: 256 * MIB, logging: { level: 'error', format: 'json' } },
  onFailure: (error) => writeSync(2, `${error.message}\n`),
});
const producer = new FakeProducer(2);
producer.automatic = () => logErrors.LOG_UNAVAILABLE('away');
const limits = {
  bufferBytes: MIB,
  linger: 1,
  batchBytes: MIB,
  batchRecords: 500,
  spool: { bytes: 256 * MIB, after: 50 },
};
const { spool, ledger } = books;
const delivery = new Delivery({
  ...{ ...common, producer, config: limits, ledger, acknowledge, deliveryTimeoutMs: 5_000 },
  ...(spool ? { spool } : {}),
});
books.start(delivery);
for (let number = 0; ; number++) {
  const value = Buffer.from(String(number));
  const admission = delivery.admit([{ id: `e${number}`, topic: 'web', timestamp: number, value, headers: {} }]);
  // A full buffer is no more than a reason to wait a moment.
  if (admission.admitted) {
    if (!admission.settled) say('taken\n');
    void admission.settled?.then(([outcome]) => outcome === 'delivered' && say('taken\n'));
  }
  await new Promise(setImmediate);
}
