import { setImmediate } from 'node:timers/promises';
import type { LogRecord } from '../log/log.ts';

/**
 * Few enough that the slowest store of this machine, SQLite, has them in some 20 ms. Turns cost: with
 * 64 a turn, loading into S3 took a fifth more of a processor.
 */
const SLICE_RECORDS = 1_024;

/**
 * Hands records out a few at a time, with a turn of the thread's event loop between: a log and a
 * store that both answer at once would otherwise keep requests under way, commands and questions
 * waiting until all there is has been loaded.
 */
export async function* slicesOf(records: readonly LogRecord[]): AsyncGenerator<readonly LogRecord[]> {
  for (let at = 0; at < records.length; at += SLICE_RECORDS) {
    yield records.slice(at, at + SLICE_RECORDS);
    await setImmediate();
  }
}
