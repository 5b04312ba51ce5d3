import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { recordAt } from '../../test/support/records.ts';
import { openTestLog } from '../../test/support/test-log.ts';
import { deadLetterTopic, toDeadLetter } from '../log/dead-letter.ts';
import type { NewRecord } from '../log/log.ts';
import type { KeyedStore } from './keyed-verification.ts';
import { verifyKeyed } from './keyed-verification.ts';

const CONNECTOR = 'search';
const TOPIC = 'select-color';
const PARTITIONS = 2;
const RECORDS = 60;
/** Of one partition, as the records go to each in turn. */
const HALF = RECORDS / PARTITIONS;
const GOOD = { records: RECORDS, deadLettered: 0, stored: RECORDS, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 };

type Event = Readonly<Record<string, unknown>>;
const eventOf = ({ value }: NewRecord) => JSON.parse(Buffer.from(value).toString()) as Event;

/** A log, and a store in memory that holds what a loader would have stored of it. */
class Loaded {
  readonly entries = new Map<string, Event[]>();
  readonly #t: TestContext;
  readonly #log: Awaited<ReturnType<typeof openTestLog>>;
  readonly #store: KeyedStore;
  /** What the store knows of its own position. */
  own: number | undefined;
  mostAsked = 0;

  private constructor(t: TestContext, log: Awaited<ReturnType<typeof openTestLog>>) {
    this.#t = t;
    this.#log = log;
    this.#store = {
      position: async () => this.own,
      lookup: async (ids) => {
        this.mostAsked = Math.max(this.mostAsked, ids.length);
        return new Map(ids.flatMap((id) => (this.entries.has(id) ? [[id, this.entries.get(id)!]] : [])));
      },
      count: async () => [...this.entries.values()].flat().length,
    };
  }

  static async make(t: TestContext): Promise<Loaded> {
    const loaded = new Loaded(t, await openTestLog(t));
    await loaded.#log.admin.createTopic(TOPIC, { partitions: PARTITIONS });
    await loaded.#log.admin.createTopic(deadLetterTopic(CONNECTOR), { partitions: 1 });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = Array.from({ length: HALF }, (_, i) => recordAt(i * PARTITIONS + partition));
      await loaded.append(partition, records);
      for (const record of records) loaded.store(eventOf(record));
      await loaded.commit(partition, HALF);
    }
    return loaded;
  }

  async append(partition: number, records: readonly NewRecord[]): Promise<void> {
    await this.#log.producer().send({ topic: TOPIC, partition }, records);
  }

  store(event: Event): void {
    const id = String(event['id']);
    this.entries.set(id, [...(this.entries.get(id) ?? []), event]);
  }

  async refuse(partition: number, offset: number, record: NewRecord): Promise<void> {
    const source = { topic: TOPIC, partition, offset };
    const letter = toDeadLetter(record, { code: 'EVENT_ID_TAKEN', reason: '', refusedBy: CONNECTOR, source });
    await this.#log.producer().send({ topic: deadLetterTopic(CONNECTOR), partition: 0 }, [letter]);
  }

  async commit(partition: number, offset: number): Promise<void> {
    await this.#log.admin.alterPositions(`connect-${CONNECTOR}`, [{ topic: TOPIC, partition, offset }]);
  }

  async drop(partition: number, before: number): Promise<void> {
    await this.#log.admin.deleteRecords([{ topic: TOPIC, partition, offset: before }]);
  }

  async findings(idsAtOnce?: number) {
    const { partitions, unexpected } = await verifyKeyed({
      log: this.#log,
      store: this.#store,
      connector: CONNECTOR,
      topics: [TOPIC],
      signal: this.#t.signal,
      ...(idsAtOnce === undefined ? {} : { idsAtOnce }),
    });
    const total = { ...GOOD, records: 0, stored: 0 };
    for (const one of partitions)
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += one[name];
    return { ...total, unexpected };
  }
}

for (const idsAtOnce of [undefined, 15]) {
  const how = idsAtOnce === undefined ? 'at once' : 'in shares';
  test(`what is planted is found, ${how}`, async (t) => {
    const loaded = await Loaded.make(t);
    assert.deepEqual(await loaded.findings(idsAtOnce), GOOD);
    const [[id, [event]]] = [...loaded.entries] as [[string, [Event]]];

    loaded.entries.delete(id);
    assert.deepEqual(await loaded.findings(idsAtOnce), { ...GOOD, stored: RECORDS - 1, lost: 1 });
    loaded.store({ ...event, colorName: 'another' });
    assert.deepEqual(await loaded.findings(idsAtOnce), { ...GOOD, stored: RECORDS - 1, corrupt: 1 });
    loaded.entries.set(id, [event, event]);
    assert.deepEqual(await loaded.findings(idsAtOnce), { ...GOOD, doubled: 1 });
    loaded.entries.set(id, [event]);
    loaded.store({ id: 'of nobody', type: 't' });
    assert.deepEqual(await loaded.findings(idsAtOnce), { ...GOOD, unexpected: 1 });
  });
}

test('records of one event share its entry, in whichever partition they are', async (t) => {
  const loaded = await Loaded.make(t);
  const again = { ...eventOf(recordAt(0)), receivedAt: '2026-11-23T00:00:00.000Z' };
  await loaded.append(1, [recordAt(0), { ...recordAt(0), value: Buffer.from(JSON.stringify(again)) }]);
  await loaded.commit(1, HALF + 2);
  assert.deepEqual(await loaded.findings(), { ...GOOD, records: RECORDS + 2, stored: RECORDS + 2 });
  loaded.entries.delete('event-0');
  assert.equal((await loaded.findings()).lost, 3);
});

test('dead letters count apart, and are no surprise where they were taken after all', async (t) => {
  const loaded = await Loaded.make(t);
  const [bad, taken] = [{ ...recordAt(0), value: Buffer.from('no event') }, recordAt(100)];
  await loaded.append(0, [bad, taken]);
  await loaded.commit(0, HALF + 2);
  assert.deepEqual(await loaded.findings(), { ...GOOD, records: RECORDS + 2, lost: 2 });
  await loaded.refuse(0, HALF, bad);
  await loaded.refuse(0, HALF + 1, taken);
  const found = { ...GOOD, records: RECORDS + 2, deadLettered: 2 };
  assert.deepEqual(await loaded.findings(), found);
  loaded.store(eventOf(taken));
  assert.deepEqual(await loaded.findings(), found);
});

test('what is stored above the position is no surprise, and what is not is not lost', async (t) => {
  const loaded = await Loaded.make(t);
  await loaded.append(0, [recordAt(100), recordAt(101)]);
  loaded.store(eventOf(recordAt(100)));
  assert.deepEqual(await loaded.findings(), GOOD);
});

test('the position of the store goes before that of the group', async (t) => {
  const loaded = await Loaded.make(t);
  loaded.own = 10;
  assert.deepEqual(await loaded.findings(), { ...GOOD, records: 20, stored: 20 });
});

test('what the log no longer holds is not compared, nor counted as a surprise', async (t) => {
  const loaded = await Loaded.make(t);
  await loaded.drop(0, 10);
  const found = await loaded.findings();
  assert.ok(found.records < RECORDS);
  assert.deepEqual(found, { ...GOOD, records: found.records, stored: found.records });
});

test('entries are asked for in batches', async (t) => {
  const loaded = await Loaded.make(t);
  const many = Array.from({ length: 2_500 }, (_, i) => recordAt(1_000 + i));
  await loaded.append(0, many);
  for (const record of many) loaded.store(eventOf(record));
  await loaded.commit(0, HALF + many.length);
  assert.equal((await loaded.findings()).stored, RECORDS + many.length);
  assert.ok(loaded.mostAsked <= 1_000);
});
