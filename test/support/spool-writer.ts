/** A process that takes events at `spooled` while the log is away, and says on standard output each that was acknowledged. */
import { writeSync } from 'node:fs';
import { Delivery } from '../../src/delivery/delivery.ts';
import { Ledger } from '../../src/delivery/ledger.ts';
import { Spool } from '../../src/delivery/spool.ts';
import { logErrors } from '../../src/log/errors.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { FakeProducer } from './fake-producer.ts';
import { say } from './say.ts';

const MIB = 2 ** 20;
const [directory, from] = process.argv.slice(2) as [string, string];
const common = { clock: systemClock, logger: silentLogger };
const spool = await Spool.open({
  ...common,
  ...{ directory, maxBytes: 256 * MIB, ledger: new Ledger(), logging: { level: 'error', format: 'json' } },
  onFailure: (error) => writeSync(2, `${error.message}\n`),
});
const producer = new FakeProducer(2);
producer.automatic = () => logErrors.LOG_UNAVAILABLE('away');
const limits = { bufferBytes: MIB, linger: 1, batchBytes: MIB, batchRecords: 500, spool: { bytes: MIB, after: 50 } };
const delivery = new Delivery({
  ...{ ...common, producer, config: limits, spool },
  ...{ acknowledge: 'spooled', deliveryTimeoutMs: 5_000 },
});
for (let number = Number(from); ; number++) {
  const value = Buffer.from(String(number));
  const admission = delivery.admit([{ id: `e${number}`, topic: 'web', timestamp: number, value, headers: {} }]);
  // A full buffer is no more than a reason to wait a moment.
  if (admission.admitted) void admission.settled?.then(([outcome]) => outcome === 'delivered' && say(`${number}\n`));
  await new Promise(setImmediate);
}
