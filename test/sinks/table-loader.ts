/** A process that loads the records of a test into a table, until it is done or killed. */
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import type { LogRecord } from '../../src/log/log.ts';
import { createTableSink } from '../../src/sinks/table/create.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { TABLE_CONFIG, toRecord } from '../support/fill-table.ts';
import { say } from '../support/say.ts';

export const RECORDS = 20_000;
/** Every so many records there is one that is no event … */
export const BROKEN_EVERY = 997;
/** … and one that another client sent under an id that is taken. */
export const STOLEN_EVERY = 1_009;
const BATCH = 150;

export function recordAt(offset: number): LogRecord {
  if (offset % BROKEN_EVERY === 5) return { offset, timestamp: offset, value: Buffer.from(`broken ${offset}`) };
  const id = offset > 0 && offset % STOLEN_EVERY === 0 ? 'event-0' : `event-${offset}`;
  return toRecord(
    { id, type: 'select-color', timestamp: new Date(offset).toISOString(), userName: `user ${offset}` },
    offset,
  );
}

async function load(directory: string): Promise<void> {
  const topics = { colors: { id: 'topic-id', partitions: 1, startOffset: 0, endOffset: RECORDS } };
  const context = fakeSinkContext(topics, directory);
  context.deadLetters.put = async (_partition, { offset }, { code }) => {
    appendFileSync(path.join(directory, 'dead-letters'), `${offset} ${code}\n`);
  };
  const sink = createTableSink(TABLE_CONFIG, context);
  const { signal } = new AbortController();
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'colors', partition: 0 }, signal);
  for (let offset = writer.resumeOffset() ?? 0; offset < RECORDS; offset += BATCH) {
    const end = Math.min(RECORDS, offset + BATCH);
    await writer.write(
      Array.from({ length: end - offset }, (_, i) => recordAt(offset + i)),
      signal,
    );
    say(`${offset}\n`);
    await writer.flush(signal);
  }
  await writer.abandon();
  await sink.close();
}

if (process.argv[2] !== undefined) await load(process.argv[2]);
