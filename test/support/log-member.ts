/** A worker thread that consumes an embedded log as a loader does, and reports what it reads. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LogShare } from '../../src/log/embedded/open.ts';
import { connectEmbeddedLog } from '../../src/log/embedded/open.ts';
import type { TopicPartition } from '../../src/log/log.ts';

export interface LogMemberData {
  readonly share: LogShare;
  readonly group: string;
  readonly topic: string;
}

export type LogMemberReport =
  | { readonly assigned: readonly TopicPartition[] }
  | { readonly values: readonly string[] }
  | { readonly ended: string };

const { share, group, topic } = workerData as LogMemberData;
const report = (message: LogMemberReport) => parentPort!.postMessage(message);
const log = await connectEmbeddedLog(share);
const consumer = log.consumer(group, [topic]);
await consumer.subscribe({
  assigned: async (assigned) => report({ assigned }),
  revoked: async () => undefined,
  lost: () => undefined,
});
try {
  for (;;) {
    for (const batch of await consumer.poll({ maxWaitMs: 60_000 })) {
      const last = batch.records.at(-1)!;
      await consumer.commit([{ topic, partition: batch.partition, offset: last.offset + 1 }]);
      report({ values: batch.records.map(({ value }) => Buffer.from(value).toString()) });
    }
  }
} catch (error) {
  report({ ended: (error as { code?: string }).code ?? String(error) });
}
