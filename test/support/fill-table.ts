import type { LogRecord } from '../../src/log/log.ts';
import type { TableConfig } from '../../src/sinks/table/config.ts';
import { createTableSink } from '../../src/sinks/table/create.ts';
import { fakeSinkContext } from './fake-sink-context.ts';

/** An event as the log holds it. */
export function toRecord(event: Readonly<Record<string, unknown>>, offset: number): LogRecord {
  const time = Date.parse(String(event['timestamp']));
  return { offset, timestamp: Number.isNaN(time) ? 0 : time, value: Buffer.from(JSON.stringify(event)) };
}

export const TABLE_CONFIG = { sqlite: { path: undefined, durability: 'normal', delay: 100 } } as const;

/** Loads events through the sink, from a topic of their own: into `search.db` of a data directory, unless told otherwise. */
export async function fillTable(
  dataDirectory: string,
  events: readonly Readonly<Record<string, unknown>>[],
  topic = 'events',
  config: TableConfig = TABLE_CONFIG,
): Promise<void> {
  const topics = { [topic]: { id: `id-of-${topic}`, partitions: 1, startOffset: 0, endOffset: events.length } };
  const sink = createTableSink(config, fakeSinkContext(topics, dataDirectory));
  const { signal } = new AbortController();
  await sink.open(signal);
  const writer = await sink.partition({ topic, partition: 0 }, signal);
  await writer.write(events.map(toRecord), signal);
  await writer.flush(signal);
  await writer.abandon();
  await sink.close();
}
