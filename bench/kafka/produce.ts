/** The log adapter's producer alone, in a process of its own: `produce.ts ORDER`, where ORDER is a ProduceOrder in JSON. */
import { readFileSync } from 'node:fs';
import type { NewRecord } from '../../src/log/log.ts';
import { kafkaLog } from '../../test/support/kafka-log.ts';
import type { OwnRate, ProduceOrder } from './messages.ts';
import { BATCH_RECORDS, COMPRESSION, PARTITIONS } from './messages.ts';

const order = JSON.parse(process.argv[2] ?? '') as ProduceOrder;
const NEWLINE = 10;
const values = linesOf(readFileSync(order.payload));
const log = kafkaLog(order.brokers, { config: { compression: COMPRESSION } });
const producer = log.producer();

await send(order.warmUpRecords);
const before = process.cpuUsage();
const start = performance.now();
await send(order.records);
const seconds = (performance.now() - start) / 1_000;
const { user, system } = process.cpuUsage(before);
await producer.close();
await log.close();
const rate: OwnRate = {
  recordsPerSecond: order.records / seconds,
  cpuMicrosecondsPerRecord: (user + system) / order.records,
};
console.log(JSON.stringify(rate));

/** One send a partition is under way at any time. */
async function send(records: number): Promise<void> {
  let left = records;
  await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      while (left > 0) {
        const batch = batchOf(Math.min(left, BATCH_RECORDS));
        left -= batch.length;
        await producer.send({ topic: order.topic, partition }, batch);
      }
    }),
  );
}

function batchOf(size: number): readonly NewRecord[] {
  const timestamp = Date.now();
  return Array.from({ length: size }, () => ({ timestamp, value: values[(Math.random() * values.length) | 0]! }));
}

/** Views of one buffer. */
function linesOf(file: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < file.length; ) {
    const end = file.indexOf(NEWLINE, from);
    lines.push(file.subarray(from, end));
    from = end + 1;
  }
  return lines;
}
