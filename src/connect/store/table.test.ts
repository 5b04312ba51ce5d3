import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { LogRecord, NewRecord } from '../../log/log.ts';
import type { TargetState } from './connector-store.ts';
import { TARGET_STATES } from './connector-store.ts';
import { ConnectorTable, toEnd, toRecord } from './table.ts';

/** A topic in memory, which can be compacted. */
class Topic {
  readonly records: LogRecord[] = [];

  append(records: readonly NewRecord[]): void {
    for (const record of records) this.records.push({ ...record, offset: this.records.length });
  }

  /** What is left once all below an offset is compacted. */
  compacted(below: number): LogRecord[] {
    const last = new Map<string, number>();
    for (const { key, offset } of this.records.slice(0, below)) last.set(String(key), offset);
    return this.records.filter(({ key, offset }) => offset >= below || last.get(String(key)) === offset);
  }
}

function tableOf(records: readonly LogRecord[]): ConnectorTable {
  const table = new ConnectorTable();
  for (const record of records) table.apply(record);
  return table;
}

const connector = (name: string, of: string, target: TargetState = 'STARTED') =>
  ({ kind: 'connector', connector: { name, config: { of }, target } }) as const;

const at = (offset: number, record: NewRecord): LogRecord => ({ ...record, offset });

test('the first of a name wins, until it ends', () => {
  const topic = new Topic();
  topic.append([toRecord('a', '1', connector('a', 'first'), 0), toRecord('a', '2', connector('a', 'second'), 0)]);
  const table = tableOf(topic.records);
  assert.deepEqual(table.all.get('a'), { name: 'a', id: '1', config: { of: 'first' }, target: 'STARTED' });
  assert.deepEqual(table.idsOf('a'), ['1', '2']);
  for (const [offset, record] of toEnd('a', table.idsOf('a'), 0).entries()) table.apply(at(offset, record));
  assert.equal(table.all.size, 0);
  assert.deepEqual(table.idsOf('a'), []);
  table.apply(at(20, toRecord('a', '3', connector('a', 'third'), 0)));
  assert.equal(table.all.get('a')?.id, '3');
});

test('changes are those of the connector that there is', () => {
  const topic = new Topic();
  topic.append([
    toRecord('a', '1', connector('a', 'x', 'STOPPED'), 0),
    toRecord('a', '2', { kind: 'config', config: { of: 'stranger' } }, 0),
    toRecord('a', '1', { kind: 'config', config: { of: 'y' } }, 0),
    toRecord('a', '1', { kind: 'target', target: 'PAUSED' }, 0),
    toRecord('a', '1', { kind: 'restart', command: { includeTasks: true, onlyFailed: false } }, 0),
    toRecord('a', '1', { kind: 'topics', reached: { t: 7 } }, 0),
  ]);
  assert.deepEqual(tableOf(topic.records).all.get('a'), {
    name: 'a',
    id: '1',
    config: { of: 'y' },
    target: 'PAUSED',
    restart: { includeTasks: true, onlyFailed: false, number: 4 },
    topicsReset: { t: 7 },
  });
});

test('what is no record of a connector is said to be none, and changes nothing', () => {
  const table = tableOf([at(0, toRecord('a', '1', connector('a', 'x'), 0))]);
  const before = structuredClone([...table.all]);
  const key = (text: string) => Buffer.from(text);
  const value = (content: unknown) => Buffer.from(JSON.stringify(content));
  const strange: readonly Omit<NewRecord, 'timestamp'>[] = [
    { value: value({}) },
    { key: key('other/a/1'), value: value({}) },
    { key: key('config/../1'), value: value({ config: {} }) },
    { key: key('config/a/1'), value: Buffer.from('{') },
    { key: key('config/a/1'), value: value([]) },
    { key: key('config/a/1'), value: value({ config: { of: 1 } }) },
    { key: key('target/a/1'), value: value({ target: 'FAILED' }) },
    { key: key('topics/a/1'), value: value({ reached: { t: 'all' } }) },
    { key: key('restart/a/1'), value: value({ command: { includeTasks: 1, onlyFailed: true } }) },
    { key: key('connector/b/1'), value: value({ config: {} }) },
    { key: key('connector/b\n/1'), value: value({ config: {}, target: 'STARTED' }) },
  ];
  for (const record of strange) {
    assert.equal(table.apply({ timestamp: 0, offset: 1, ...record }), false, String(record.key));
  }
  assert.deepEqual([...table.all], before);
});

/** A worker's calls as the store makes them, a step at each yield; between the steps others work. */
class Worker {
  readonly #topic: Topic;
  readonly #known = new ConnectorTable();
  readonly #id: string;
  #read = 0;
  #made = 0;

  constructor(topic: Topic, id: number) {
    this.#topic = topic;
    this.#id = `worker-${id}`;
  }

  *create(name: string): Generator<void> {
    this.#catchUp();
    if (this.#known.all.has(name)) return;
    const id = `${this.#id}-${this.#made++}`;
    yield;
    this.#topic.append([toRecord(name, id, connector(name, id), 0)]);
    yield;
    this.#catchUp();
    if (this.#known.all.get(name)?.id === id) return;
    yield;
    this.#topic.append(toEnd(name, [id], 0));
  }

  *change(name: string, target: TargetState): Generator<void> {
    this.#catchUp();
    const found = this.#known.all.get(name);
    if (!found) return;
    yield;
    this.#topic.append([
      toRecord(name, found.id, { kind: 'target', target }, 0),
      toRecord(name, found.id, { kind: 'config', config: { of: target } }, 0),
    ]);
  }

  *remove(name: string): Generator<void> {
    this.#catchUp();
    const ids = this.#known.idsOf(name);
    if (!this.#known.all.has(name)) return;
    yield;
    this.#topic.append(toEnd(name, ids, 0));
  }

  #catchUp(): void {
    for (const record of this.#topic.records.slice(this.#read)) this.#known.apply(record);
    this.#read = this.#topic.records.length;
  }
}

test('whoever reads what compaction left finds the same as whoever read along', () => {
  const WORKERS = 3;
  const name = fc.constantFrom('a', 'a', 'a', 'b');
  const call = fc.oneof(
    { weight: 3, arbitrary: fc.record({ verb: fc.constant('create' as const), name }) },
    { weight: 2, arbitrary: fc.record({ verb: fc.constant('remove' as const), name }) },
    fc.record({ verb: fc.constant('change' as const), name, target: fc.constantFrom(...TARGET_STATES) }),
  );
  const step = fc.record({ worker: fc.nat(WORKERS - 1), call });
  let clashes = 0;
  fc.assert(
    // With `dies`, workers stop in the middle of what they do; else each comes to its end.
    fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), fc.boolean(), (steps, dies) => {
      const topic = new Topic();
      const workers = Array.from({ length: WORKERS }, (_, at) => new Worker(topic, at));
      const under = new Array<Generator<void> | undefined>(WORKERS);
      for (const { worker, call: next } of steps) {
        const by = workers[worker]!;
        // A worker does one thing at a time: a turn begins it, or goes on with it.
        under[worker] ??= next.verb === 'change' ? by.change(next.name, next.target) : by[next.verb](next.name);
        if (under[worker].next().done) under[worker] = undefined;
      }
      if (!dies) for (const rest of under) for (const _ of rest ?? []);
      const live = new ConnectorTable();
      for (const record of topic.records) {
        live.apply(record);
        if (live.idsOf('a').length > 1) clashes++;
      }
      if (!dies) for (const one of 'ab') assert.ok(live.idsOf(one).length <= 1, 'one that lost was never ended');
      for (let below = 0; below <= topic.records.length; below++) {
        assert.deepEqual([...tableOf(topic.compacted(below)).all].sort(), [...live.all].sort());
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(clashes > 100, `only ${clashes} clashes were met`);
});
