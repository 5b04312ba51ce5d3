/** The log adapter's consumer alone, in a process of its own: `consume.ts ORDER`, where ORDER is a ConsumeOrder in JSON. */
import { kafkaLog } from '../../test/support/kafka-log.ts';
import type { ConsumeOrder, OwnRate } from './messages.ts';
import { FETCH_BYTES, PARTITIONS } from './messages.ts';

/** Longest wait for the next record. */
const WAIT_MS = 10_000;

const order = JSON.parse(process.argv[2] ?? '') as ConsumeOrder;
const log = kafkaLog(order.brokers);
const consumer = log.consumer(order.group, [order.topic], { from: 'earliest', maxBytes: PARTITIONS * FETCH_BYTES });
const { promise: assigned, resolve } = Promise.withResolvers<void>();
const nothing = async () => undefined;
await consumer.subscribe({ assigned: async () => resolve(), revoked: nothing, lost: () => undefined });
await assigned;

const before = process.cpuUsage();
const start = performance.now();
let records = 0;
let bytes = 0;
while (records < order.records) {
  const batches = await consumer.poll({ maxWaitMs: WAIT_MS });
  if (batches.length === 0) throw new Error(`only ${records} of ${order.records} records came`);
  for (const batch of batches) {
    records += batch.records.length;
    for (const { value } of batch.records) bytes += value.length;
  }
}
const seconds = (performance.now() - start) / 1_000;
const { user, system } = process.cpuUsage(before);
await consumer.close();
await log.close();
if (bytes === 0) throw new Error('the records are empty');
const rate: OwnRate = {
  recordsPerSecond: records / seconds,
  cpuMicrosecondsPerRecord: (user + system) / records,
};
console.log(JSON.stringify(rate));
