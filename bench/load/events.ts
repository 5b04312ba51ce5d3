import type { Log } from '../../src/log/log.ts';
import { TYPE_HEADER } from '../../src/log/log.ts';

const BATCH = 500;
const COLORS = ['red', 'green', 'blue', '초록', '파랑', 'black'];

/** Distinct events of about 300 bytes, as the collector writes them. */
export async function fill(log: Log, topic: string, records: number, partitions = 1): Promise<void> {
  await log.admin.createTopic(topic, { partitions });
  const producer = log.producer();
  const headers = { [TYPE_HEADER]: 'select-color' };
  const start = Date.now() - records;
  for (let first = 0; first < records; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => {
      const timestamp = start + first + i;
      const time = new Date(timestamp).toISOString();
      const event = {
        id: crypto.randomUUID(),
        type: 'select-color',
        timestamp: time,
        receivedAt: time,
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0',
        sentTimestamp: time,
        userName: `visitor${((first + i) * 7919) % 50_000}`,
        colorName: COLORS[(first + i) % COLORS.length],
      };
      return { timestamp, headers, value: Buffer.from(JSON.stringify(event)) };
    });
    await producer.send({ topic, partition: (first / BATCH) % partitions }, batch);
  }
  await producer.close();
}
