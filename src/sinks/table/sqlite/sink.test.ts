import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { FakeTopic } from '../../../../test/support/fake-sink-context.ts';
import { fakeSinkContext } from '../../../../test/support/fake-sink-context.ts';
import { TABLE_CONFIG, toRecord } from '../../../../test/support/fill-table.ts';
import { temporaryDirectory } from '../../../../test/support/temporary.ts';
import { MillraceError } from '../../../support/errors.ts';
import { createTableSink } from '../create.ts';
import { openSqliteEventQuery } from './query.ts';

const PARTITION = { topic: 'colors', partition: 0 };
const TOPIC: FakeTopic = { id: 'topic-id', partitions: 2, startOffset: 0, endOffset: 100 };
const { signal } = new AbortController();

const event = (id: string, more: object = {}) => ({
  id,
  type: 'select-color',
  timestamp: '2026-11-22T12:00:00.000Z',
  ...more,
});
const records = (events: readonly object[], first = 0) => events.map((each, i) => toRecord({ ...each }, first + i));
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

async function openSink(t: TestContext, directory: string, topic: Partial<FakeTopic> = {}) {
  const context = fakeSinkContext({ colors: { ...TOPIC, ...topic } }, directory);
  const sink = createTableSink(TABLE_CONFIG, context);
  await sink.open(signal);
  t.after(() => sink.close());
  return { sink, context };
}

function open(t: TestContext, directory: string): DatabaseSync {
  const database = new DatabaseSync(path.join(directory, 'search.db'));
  t.after(() => database.isOpen && database.close());
  return database;
}

function storedIds(t: TestContext, directory: string): readonly unknown[] {
  return open(t, directory)
    .prepare('SELECT id FROM event ORDER BY id')
    .all()
    .map(({ id }) => id);
}

test('events wait together for a moment, then are durable with their position', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink, context } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  assert.equal(writer.resumeOffset(), undefined);
  assert.equal(writer.flushDueAt(), undefined);
  assert.deepEqual(await writer.write(records([event('a'), event('b')], 40), signal), {
    durableUpTo: undefined,
    duplicates: 0,
  });
  const due = writer.flushDueAt();
  assert.equal(due, context.clock.monotonic() + TABLE_CONFIG.sqlite.delay);
  context.clock.advance(10);
  await writer.write(records([event('c')], 42), signal);
  assert.equal(writer.flushDueAt(), due, 'later events do not put it off');
  assert.deepEqual(storedIds(t, directory), []);
  assert.deepEqual(await writer.flush(signal), { durableUpTo: 43, duplicates: 0 });
  assert.equal(writer.flushDueAt(), undefined);
  assert.deepEqual(storedIds(t, directory), ['a', 'b', 'c']);
  await writer.abandon();
  assert.equal((await sink.partition(PARTITION, signal)).resumeOffset(), 43);
  assert.equal((await sink.partition({ ...PARTITION, partition: 1 }, signal)).resumeOffset(), undefined);
});

test('many records are stored without waiting', async (t) => {
  const { sink } = await openSink(t, temporaryDirectory(t), { endOffset: 10_000 });
  const writer = await sink.partition(PARTITION, signal);
  const many = Array.from({ length: 4_500 }, (_, i) => event(`id-${i}`));
  const { durableUpTo } = await writer.write(records(many), signal);
  assert.equal(durableUpTo, 4_000);
  assert.notEqual(writer.flushDueAt(), undefined);
});

test('what is not durable is gone when given up', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a')]), signal);
  await writer.abandon();
  assert.deepEqual(storedIds(t, directory), []);
  assert.equal((await sink.partition(PARTITION, signal)).resumeOffset(), undefined);
});

test('an event met again is counted and stored once, in one batch and in a later one', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink, context } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a', { receivedAt: '1' }), event('a', { receivedAt: '2' })]), signal);
  assert.equal((await writer.flush(signal)).duplicates, 1);
  await writer.write(records([event('a', { receivedAt: '3' }), event('b')], 2), signal);
  assert.deepEqual(await writer.flush(signal), { durableUpTo: 4, duplicates: 1 });
  assert.deepEqual(storedIds(t, directory), ['a', 'b']);
  assert.deepEqual(context.deadLetters.letters, []);
});

test('a taken id goes to the dead letters before the position passes it', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink, context } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(
    records([event('a', { userName: 'first' }), event('a', { userName: 'thief' }), event('b')]),
    signal,
  );
  context.deadLetters.failNext = new Error('the log is away');
  await assert.rejects(writer.flush(signal), /the log is away/);
  assert.deepEqual(storedIds(t, directory), [], 'neither rows nor position');
  await writer.abandon();

  const again = await sink.partition(PARTITION, signal);
  assert.equal(again.resumeOffset(), undefined);
  await again.write(
    records([event('a', { userName: 'first' }), event('a', { userName: 'thief' }), event('b')]),
    signal,
  );
  assert.deepEqual(await again.flush(signal), { durableUpTo: 3, duplicates: 0 });
  assert.deepEqual(storedIds(t, directory), ['a', 'b']);
  assert.deepEqual(
    context.deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]),
    [[1, 'EVENT_ID_TAKEN']],
  );
});

test('what is no event goes to the dead letters, and the others into the table', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink, context } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  const broken = { offset: 0, timestamp: 0, value: Buffer.from('\ud800 no JSON') };
  const headless = {
    offset: 1,
    timestamp: 5,
    value: Buffer.from('{"x":"\\ud800\\u0000"}'),
    headers: { type: 'click' },
  };
  await writer.write([broken, headless, toRecord(event('b'), 2)], signal);
  assert.equal((await writer.flush(signal)).durableUpTo, 3);
  assert.deepEqual(storedIds(t, directory), ['b', 'topic-id+0+1']);
  assert.deepEqual(
    context.deadLetters.letters.map(({ reason }) => reason.code),
    ['RECORD_NOT_AN_EVENT'],
  );
  const query = openSqliteEventQuery(path.join(directory, 'search.db'));
  t.after(() => query.close());
  const { events } = await query.events({ type: 'click' }, { limit: 5 });
  assert.deepEqual({ ...events[0] }, { x: '\ud800\0', id: 'topic-id+0+1', type: 'click' });
  assert.equal((await query.breakdown({}, 'x', 5)).length, 1);
});

test('a writer that was replaced stores nothing more', async (t) => {
  const directory = temporaryDirectory(t);
  const [one, other] = [await openSink(t, directory), await openSink(t, directory)];
  const old = await one.sink.partition(PARTITION, signal);
  await old.write(records([event('a')]), signal);
  await old.flush(signal);
  await old.write(records([event('b'), event('c')], 1), signal);

  const successor = await other.sink.partition(PARTITION, signal);
  assert.equal(successor.resumeOffset(), 1);
  await assert.rejects(old.flush(signal), hasCode('TABLE_OWNERSHIP_LOST'));
  assert.deepEqual(storedIds(t, directory), ['a']);
  await successor.write(records([event('b'), event('c')], 1), signal);
  assert.deepEqual(await successor.flush(signal), { durableUpTo: 3, duplicates: 0 });
  await assert.rejects(old.flush(signal), hasCode('TABLE_OWNERSHIP_LOST'));
  assert.deepEqual(storedIds(t, directory), ['a', 'b', 'c']);
});

test('a commit whose answer was lost is found again by the position', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a'), event('b')]), signal);
  await writer.flush(signal);
  // The loader never heard of it, and asks for a new writer with the same records at hand.
  const again = await sink.partition(PARTITION, signal);
  assert.equal(again.resumeOffset(), 2);
  await again.write(records([event('a'), event('b'), event('c')]), signal);
  assert.deepEqual(await again.flush(signal), { durableUpTo: 3, duplicates: 0 });
  assert.deepEqual(storedIds(t, directory), ['a', 'b', 'c']);
});

test('a position that does not fit the log stops the load', async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openSink(t, directory);
  const writer = await first.sink.partition(PARTITION, signal);
  await writer.write(records([event('a')], 49), signal);
  await writer.flush(signal);
  const partition = async (topic: Partial<FakeTopic>) =>
    (await openSink(t, directory, topic)).sink.partition(PARTITION, signal);
  await assert.rejects(partition({ startOffset: 51 }), hasCode('TABLE_POSITION_OUT_OF_RANGE'));
  await assert.rejects(partition({ endOffset: 49 }), hasCode('TABLE_POSITION_OUT_OF_RANGE'));
  await assert.rejects(partition({ id: 'another' }), hasCode('TABLE_TOPIC_REPLACED'));
  // Who was refused has taken nothing over.
  await writer.write(records([event('b')], 50), signal);
  assert.equal((await writer.flush(signal)).durableUpTo, 51);
  assert.equal((await partition({ startOffset: 51, endOffset: 51 })).resumeOffset(), 51);
});

test('a locked, full or unusable file says so with its code', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a')]), signal);
  const other = open(t, directory);
  other.exec('BEGIN IMMEDIATE');
  await assert.rejects(writer.flush(signal), hasCode('TABLE_BUSY'));
  other.exec('ROLLBACK');
  assert.equal((await writer.flush(signal)).durableUpTo, 1, 'and nothing of it is left behind');

  const strange = temporaryDirectory(t);
  writeFileSync(path.join(strange, 'search.db'), 'no database'.repeat(1_000));
  await assert.rejects(openSink(t, strange), hasCode('TABLE_UNUSABLE'));
  const newer = temporaryDirectory(t);
  open(t, newer).exec('PRAGMA user_version = 99');
  await assert.rejects(openSink(t, newer), hasCode('TABLE_VERSION_UNKNOWN'));
  writeFileSync(path.join(newer, 'file'), '');
  await assert.rejects(openSink(t, path.join(newer, 'file', 'below')), hasCode('TABLE_UNUSABLE'));
});

test('questions to a table that is not there yet have empty answers, until it is', async (t) => {
  const directory = temporaryDirectory(t);
  const query = openSqliteEventQuery(path.join(directory, 'search.db'));
  t.after(() => query.close());
  assert.deepEqual(await query.events({}, { limit: 1 }), { events: [] });
  assert.deepEqual(await query.histogram({}, 1_000), []);
  const { sink } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write(records([event('a')]), signal);
  await writer.flush(signal);
  assert.equal((await query.events({}, { limit: 1 })).events.length, 1);
});

test('an aborted signal ends a wait for the dead letters', async (t) => {
  const directory = temporaryDirectory(t);
  const { sink, context } = await openSink(t, directory);
  const writer = await sink.partition(PARTITION, signal);
  await writer.write([{ offset: 0, timestamp: 0, value: Buffer.from('x') }], signal);
  context.deadLetters.put = () => new Promise(() => {});
  const aborted = new AbortController();
  const flush = writer.flush(aborted.signal);
  aborted.abort(new Error('enough'));
  await assert.rejects(flush, /enough/);
});
