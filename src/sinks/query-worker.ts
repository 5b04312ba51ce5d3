/** The thread that answers questions from an embedded store; see query-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { Channel } from '../support/channel.ts';
import type { QuerySource } from './query-thread.ts';
import { openSqliteEventQuery } from './table/sqlite/query.ts';

if (!parentPort) throw new Error('this module is a worker thread');
const source = workerData as QuerySource;
const query = openSqliteEventQuery(source.path);

export type QueryHandlers = {
  events: typeof query.events;
  histogram: typeof query.histogram;
  breakdown: typeof query.breakdown;
};

new Channel(parentPort, {
  events: (...question: Parameters<typeof query.events>) => query.events(...question),
  histogram: (...question: Parameters<typeof query.histogram>) => query.histogram(...question),
  breakdown: (...question: Parameters<typeof query.breakdown>) => query.breakdown(...question),
} satisfies QueryHandlers);
