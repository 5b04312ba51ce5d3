import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { fillTable } from '../../test/support/fill-table.ts';
import { temporaryDirectory } from '../../test/support/temporary.ts';
import { MillraceError } from '../support/errors.ts';
import { startQueryThread } from './query-thread.ts';

const EVENT = { id: 'a', type: 't', timestamp: '2026-11-22T12:00:00.000Z' };
const DEADLINE_MS = 1_000;
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

/** Lets everything run that waits for nothing outside, until a question is being answered. */
async function asked(clock: TestClock): Promise<void> {
  while (clock.sleeping === 0) await null;
}

test('a question beyond its deadline is given up, and the next is answered by a new thread', async (t) => {
  const directory = temporaryDirectory(t);
  await fillTable(directory, [EVENT]);
  const clock = new TestClock();
  const query = startQueryThread({ kind: 'sqlite', path: path.join(directory, 'search.db') }, DEADLINE_MS, clock);
  t.after(() => query.close());
  const slow = assert.rejects(query.events({}, { limit: 1 }), hasCode('QUERY_TOO_SLOW'));
  const next = query.events({}, { limit: 1 });
  await asked(clock);
  clock.advance(DEADLINE_MS);
  await slow;
  assert.equal((await next).events[0]?.id, 'a');
});

test('too many waiting questions are refused, and those that wait end with the program', async (t) => {
  const query = startQueryThread({ kind: 'sqlite', path: path.join(temporaryDirectory(t), 'none.db') }, DEADLINE_MS);
  const outcomes = Array.from({ length: 40 }, () => query.events({}, { limit: 1 }).then(() => 'answered', codeOf));
  await query.close();
  assert.deepEqual(new Set(await Promise.all(outcomes)), new Set(['QUERY_BUSY']));
  await assert.rejects(query.events({}, { limit: 1 }), hasCode('QUERY_BUSY'));
});

test('errors come out of the thread with their codes', async (t) => {
  const query = startQueryThread({ kind: 'sqlite', path: path.join(temporaryDirectory(t), 'none.db') }, DEADLINE_MS);
  t.after(() => query.close());
  await assert.rejects(query.events({}, { limit: 0 }), hasCode('QUERY_INVALID'));
});

function codeOf(error: unknown): string {
  return error instanceof MillraceError ? error.code : String(error);
}
