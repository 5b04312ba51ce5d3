import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Log, NewRecord, RecordBatch, TopicPartition } from '../../src/log/log.ts';
import { partitionName } from '../../src/log/log.ts';
import type { MemberListener } from '../support/log-members.ts';
import {
  at,
  byNumber,
  bytes,
  Member,
  newGroup,
  numbered,
  plain,
  range,
  START,
  texts,
  WAIT_MS,
} from '../support/log-members.ts';
import { until } from '../support/until.ts';

export interface OpenedLog {
  readonly log: Log;
  cleanup(): Promise<void>;
}

/** What every log does. The suite makes topics and groups of its own, and never the same twice. */
export function logContract(name: string, open: () => Promise<OpenedLog>): void {
  describe(`${name} keeps the contract of the log`, () => {
    let opened: OpenedLog;
    let log: Log;
    before(async () => {
      opened = await open();
      log = opened.log;
    });
    after(() => opened.cleanup());

    const newTopic = async (partitions = 1) => {
      const topic = `contract-${randomUUID()}`;
      await log.admin.createTopic(topic, { partitions });
      return topic;
    };
    const send = async (to: TopicPartition, records: readonly NewRecord[]) => {
      const producer = log.producer();
      try {
        return await producer.send(to, records);
      } finally {
        await producer.close();
      }
    };
    const consume = async (
      group: string,
      topics: readonly string[],
      options: { from?: 'earliest' | 'latest'; maxBytes?: number } = {},
      listener: MemberListener = {},
    ) => {
      const member = new Member(log.consumer(group, topics, options), listener);
      await member.subscribe();
      return member;
    };

    test('the end of an epoch is that of its records, where the log has leaders', async () => {
      const topic = await newTopic();
      await send(
        { topic, partition: 0 },
        ['a', 'b'].map((text) => ({ timestamp: START, value: bytes(text) })),
      );
      const member = await consume(newGroup(), [topic], { from: 'earliest' });
      const batches = await until('both are there', async () => {
        const found = await member.consumer.poll({ maxWaitMs: WAIT_MS });
        return found.length > 0 && found;
      });
      const { leaderEpoch } = batches.at(-1)!;
      const end = await log.admin.endOfEpoch({ topic, partition: 0 }, leaderEpoch ?? 0);
      assert.equal(end, leaderEpoch === undefined ? undefined : 2);
      await member.consumer.close();
    });

    test('records come back as they were sent, in order, at the offsets that were told', async () => {
      const topic = await newTopic();
      const shared = { type: 'select-color', note: 'grün "quoted"' };
      const records: NewRecord[] = [
        { timestamp: START, value: bytes('first') },
        { timestamp: START + 5, value: bytes('keyed'), key: bytes('key') },
        { timestamp: START - 5, value: bytes('with headers'), headers: shared },
        { timestamp: START, value: bytes('with the same headers'), key: bytes('k2'), headers: shared },
        { timestamp: START, value: bytes('') },
      ];
      const first = await send({ topic, partition: 0 }, records);
      const second = await send({ topic, partition: 0 }, [{ timestamp: START, value: bytes('later') }]);
      assert.equal(second.baseOffset, first.baseOffset + records.length);
      const batch = await log.read({ topic, partition: 0, offset: first.baseOffset });
      assert.deepEqual(
        [batch.topic, batch.partition, batch.endOffset],
        [topic, 0, first.baseOffset + records.length + 1],
      );
      const expected = [...records, { timestamp: START, value: bytes('later') }].map((record, index) => ({
        ...record,
        offset: first.baseOffset + index,
      }));
      assert.deepEqual(batch.records.map(plain), expected.map(plain));
      assert.ok(batch.bytes >= records.reduce((sum, record) => sum + record.value.length, 0));
    });

    test('a producer finds the same partition for a key, and takes turns without one', async () => {
      const topic = await newTopic(4);
      const producer = log.producer();
      const keys = Array.from({ length: 200 }, (_, index) => bytes(`user-${index}`));
      const partitions = keys.map((key) => producer.partitionFor(topic, key));
      assert.deepEqual(
        keys.map((key) => producer.partitionFor(topic, key)),
        partitions,
      );
      assert.deepEqual(new Set(partitions), new Set([0, 1, 2, 3]));
      const turns = Array.from({ length: 8 }, () => producer.partitionFor(topic));
      assert.deepEqual(turns.toSorted(), [0, 0, 1, 1, 2, 2, 3, 3]);
      await producer.close();
    });

    test('partitions are written side by side, and are apart', async () => {
      const topic = await newTopic(2);
      const producer = log.producer();
      const [a, b] = await Promise.all([
        producer.send({ topic, partition: 0 }, numbered(0, 10)),
        producer.send({ topic, partition: 1 }, numbered(100, 10)),
      ]);
      await producer.close();
      assert.deepEqual(texts((await log.read({ topic, partition: 0, offset: a.baseOffset })).records), range(0, 10));
      assert.deepEqual(texts((await log.read({ topic, partition: 1, offset: b.baseOffset })).records), range(100, 10));
    });

    test('what cannot be sent is refused with its code', async () => {
      const producer = log.producer();
      const unknown = { topic: `unknown-${randomUUID()}`, partition: 0 };
      await assert.rejects(producer.send(unknown, numbered(0, 1)), { code: 'TOPIC_UNKNOWN' });
      assert.throws(() => producer.partitionFor(unknown.topic), { code: 'TOPIC_UNKNOWN' });
      const topic = await newTopic();
      const huge = { timestamp: START, value: new Uint8Array(80 * 1024 * 1024) };
      await assert.rejects(producer.send({ topic, partition: 0 }, [huge]), {
        code: 'RECORD_TOO_LARGE',
        decision: 'dead-letter',
      });
      await producer.send({ topic, partition: 0 }, numbered(0, 1));
      await producer.close();
      await assert.rejects(producer.send({ topic, partition: 0 }, numbered(0, 1)), { code: 'LOG_CLOSED' });
    });

    test('read goes on from any offset, in steps, to the end', async () => {
      const topic = await newTopic();
      for (let sent = 0; sent < 100; sent += 10) await send({ topic, partition: 0 }, numbered(sent, 10));
      const read: string[] = [];
      let offset = 37;
      for (;;) {
        const batch = await log.read({ topic, partition: 0, offset }, { maxBytes: 100 });
        assert.equal(batch.endOffset, 100);
        if (batch.records.length === 0) break;
        read.push(...texts(batch.records));
        offset = batch.records.at(-1)!.offset + 1;
      }
      assert.deepEqual(read, range(37, 63));
    });

    test('topics are made once, and keep their identity', async () => {
      const topic = `contract-${randomUUID()}`;
      const made = await log.admin.createTopic(topic, { partitions: 3 });
      assert.deepEqual(await log.admin.createTopic(topic, { partitions: 5 }), made);
      assert.equal(made.partitions, 3);
      const other = await log.admin.createTopic(`contract-${randomUUID()}`, { partitions: 1 });
      assert.notEqual(other.id, made.id);
      assert.deepEqual(
        (await log.admin.topics()).find(({ name }) => name === topic),
        made,
      );
      assert.equal(await log.admin.logId(), await log.admin.logId());
      assert.ok((await log.admin.logId()).length > 0);
    });

    for (const bad of ['', '.', '..', 'a/b', 'a b', 'ü', 'x'.repeat(250), '../../etc']) {
      test(`${JSON.stringify(bad.slice(0, 12))} is no name for a topic`, async () => {
        await assert.rejects(log.admin.createTopic(bad, { partitions: 1 }), { code: 'TOPIC_NAME_INVALID' });
      });
    }

    test('offsets say what is held, and deleteRecords moves the start', async () => {
      const topic = await newTopic(2);
      await send({ topic, partition: 1 }, numbered(0, 10));
      await send({ topic, partition: 1 }, numbered(10, 10));
      assert.deepEqual(await log.admin.offsets(topic), [
        { topic, partition: 0, startOffset: 0, endOffset: 0 },
        { topic, partition: 1, startOffset: 0, endOffset: 20 },
      ]);
      await log.admin.deleteRecords([{ topic, partition: 1, offset: 13 }]);
      assert.deepEqual((await log.admin.offsets(topic))[1], { topic, partition: 1, startOffset: 13, endOffset: 20 });
      const rest = await log.read({ topic, partition: 1, offset: 0 });
      assert.deepEqual(texts(rest.records), range(13, 7));
      assert.equal(rest.records[0]!.offset, 13);
      await log.admin.deleteRecords([{ topic, partition: 1, offset: 20 }]);
      assert.deepEqual((await log.read({ topic, partition: 1, offset: 0 })).records, []);
      const { baseOffset } = await send({ topic, partition: 1 }, numbered(20, 1));
      assert.equal(baseOffset, 20);
      await assert.rejects(log.admin.offsets(`unknown-${randomUUID()}`), { code: 'TOPIC_UNKNOWN' });
    });

    test('offsetsAt finds the first record of a time', async () => {
      const topic = await newTopic(2);
      await send({ topic, partition: 0 }, [at(10), at(20), at(30)]);
      await send({ topic, partition: 0 }, [at(40), at(50)]);
      const find = async (ms: number) => (await log.admin.offsetsAt(topic, START + ms)).map(({ offset }) => offset);
      assert.deepEqual(await find(0), [0, 0]);
      assert.deepEqual(await find(20), [1, 0]);
      assert.deepEqual(await find(21), [2, 0]);
      assert.deepEqual(await find(31), [3, 0]);
      assert.deepEqual(await find(50), [4, 0]);
      assert.deepEqual(await find(51), [5, 0]);
      await log.admin.deleteRecords([{ topic, partition: 0, offset: 2 }]);
      assert.deepEqual(await find(0), [2, 0]);
    });

    test('a new group reads from the earliest record on, and is told of its partitions first', async () => {
      const topic = await newTopic(2);
      await send({ topic, partition: 0 }, numbered(0, 5));
      await send({ topic, partition: 1 }, numbered(5, 5));
      const member = await consume(newGroup(), [topic]);
      const records = await member.take(10);
      assert.deepEqual(texts(records).toSorted(byNumber), range(0, 10));
      assert.deepEqual(member.events[0], 'assigned');
      assert.deepEqual([...member.partitions].toSorted(), [`${topic}-0`, `${topic}-1`]);
      await member.consumer.close();
      assert.equal(member.partitions.size, 0);
    });

    test('a new group that asks for the latest skips what was there', async () => {
      const topic = await newTopic();
      await send({ topic, partition: 0 }, numbered(0, 5));
      const member = await consume(newGroup(), [topic], { from: 'latest' });
      await until('it has its partition', () => member.partitions.size === 1);
      await send({ topic, partition: 0 }, numbered(5, 5));
      assert.deepEqual(texts(await member.take(5)), range(5, 5));
      await member.consumer.close();
    });

    test('poll waits for records, gives up after a time, and can be aborted', async () => {
      const topic = await newTopic();
      const member = await consume(newGroup(), [topic]);
      await until('it has its partition', () => member.partitions.size === 1);
      assert.deepEqual(await member.consumer.poll({ maxWaitMs: 1 }), []);
      const abort = new AbortController();
      const aborted = member.consumer.poll({ maxWaitMs: WAIT_MS, signal: abort.signal });
      abort.abort();
      assert.deepEqual(await aborted, []);
      assert.deepEqual(await member.consumer.poll({ maxWaitMs: WAIT_MS, signal: AbortSignal.abort() }), []);
      const waiting = member.consumer.poll({ maxWaitMs: WAIT_MS });
      await send({ topic, partition: 0 }, numbered(0, 3));
      const [batch] = await waiting;
      assert.deepEqual(texts(batch!.records), range(0, 3));
      assert.equal(batch!.endOffset, 3);
      await member.consumer.close();
    });

    test('poll keeps to maxBytes, give or take a batch, and starves no partition', async () => {
      const topic = await newTopic(2);
      for (const partition of [0, 1]) {
        for (let sent = 0; sent < 5; sent++) {
          await send({ topic, partition }, [{ timestamp: START, value: new Uint8Array(10_000) }]);
        }
      }
      const member = await consume(newGroup(), [topic], { maxBytes: 15_000 });
      const seen: number[] = [];
      for (let count = 0; count < 10; ) {
        const batches = await member.consumer.poll({ maxWaitMs: WAIT_MS });
        assert.ok(batches.reduce((sum, batch) => sum + batch.bytes, 0) < 30_000);
        for (const batch of batches) {
          seen.push(batch.partition);
          count += batch.records.length;
        }
      }
      assert.ok(seen.slice(0, 4).includes(0) && seen.slice(0, 4).includes(1), `partitions in the order ${seen}`);
      await member.consumer.close();
    });

    test('records that are freed take none with them that came before or after', async () => {
      const topic = await newTopic();
      const letters = 'abcdefgh';
      for (const letter of letters) {
        await send({ topic, partition: 0 }, [{ timestamp: START, value: Buffer.alloc(10_000, letter) }]);
      }
      const member = await consume(newGroup(), [topic], { maxBytes: 15_000 });
      const held: RecordBatch[] = [];
      let read = '';
      const freeOldest = () => {
        const { records, free } = held.shift()!;
        for (const { value } of records) read += String.fromCharCode(...new Set(value));
        free?.();
      };
      for (let count = 0; count < letters.length; ) {
        for (const batch of await member.consumer.poll({ maxWaitMs: WAIT_MS })) {
          held.push(batch);
          count += batch.records.length;
        }
        while (held.length > 1) freeOldest();
      }
      freeOldest();
      assert.equal(read, letters);
      await member.consumer.close();
    });

    test('a paused partition is silent until it is resumed; the others go on', async () => {
      const topic = await newTopic(2);
      const member = await consume(newGroup(), [topic]);
      await until('it has its partitions', () => member.partitions.size === 2);
      member.consumer.pause({ topic, partition: 0 });
      await send({ topic, partition: 0 }, numbered(0, 3));
      await send({ topic, partition: 1 }, numbered(10, 3));
      assert.deepEqual(texts(await member.take(3)), range(10, 3));
      assert.deepEqual(await member.consumer.poll({ maxWaitMs: 50 }), []);
      member.consumer.resume({ topic, partition: 0 });
      assert.deepEqual(texts(await member.take(3)), range(0, 3));
      await member.consumer.close();
    });

    test('seek moves a consumer, when it is assigned and later', async () => {
      const topic = await newTopic();
      await send({ topic, partition: 0 }, numbered(0, 10));
      const assigned = async ({ consumer }: Member) => consumer.seek({ topic, partition: 0 }, 7);
      const member = await consume(newGroup(), [topic], {}, { assigned });
      assert.deepEqual(texts(await member.take(3)), range(7, 3));
      member.consumer.seek({ topic, partition: 0 }, 2);
      assert.deepEqual(texts(await member.take(8)), range(2, 8));
      await member.consumer.close();
    });

    test('a group goes on from what it committed, and only from that', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await send({ topic, partition: 0 }, numbered(0, 10));
      const first = await consume(group, [topic]);
      await first.take(10);
      await first.consumer.commit([{ topic, partition: 0, offset: 6 }]);
      await first.consumer.close();
      assert.deepEqual(await log.admin.committed(group), [{ topic, partition: 0, offset: 6 }]);
      assert.ok((await log.admin.groups()).includes(group));
      const second = await consume(group, [topic]);
      assert.deepEqual(texts(await second.take(4)), range(6, 4));
      await second.consumer.close();
    });

    test('groups do not know each other', async () => {
      const topic = await newTopic();
      await send({ topic, partition: 0 }, numbered(0, 5));
      const [one, two] = await Promise.all([consume(newGroup(), [topic]), consume(newGroup(), [topic])]);
      assert.deepEqual(texts(await one.take(5)), range(0, 5));
      assert.deepEqual(texts(await two.take(5)), range(0, 5));
      await Promise.all([one.consumer.close(), two.consumer.close()]);
    });

    test('a consumer cannot commit what it does not have', async () => {
      const topic = await newTopic();
      const group = newGroup();
      const member = await consume(group, [topic]);
      await until('it has its partition', () => member.partitions.size === 1);
      await member.consumer.close();
      await assert.rejects(member.consumer.commit([{ topic, partition: 0, offset: 1 }]));
      assert.deepEqual(await log.admin.committed(group), []);
    });

    test('a second member gets a share: nothing is lost, and nothing that was committed comes twice', async () => {
      const topic = await newTopic(4);
      const group = newGroup();
      const counts = new Map<string, number>();
      const revoked = (member: Member, partitions: readonly TopicPartition[]) => member.commitSeen(partitions);
      const stop = new AbortController();
      const drain = async (member: Member) => {
        while (!stop.signal.aborted) {
          for (const batch of await member.consumer.poll({ maxWaitMs: WAIT_MS, signal: stop.signal })) {
            assert.ok(member.partitions.has(partitionName(batch)), 'a record of a partition that it does not have');
            member.see(batch);
            for (const text of texts(batch.records)) counts.set(text, (counts.get(text) ?? 0) + 1);
          }
        }
      };
      const producer = log.producer();
      const sendTo = (partition: number, from: number) => producer.send({ topic, partition }, numbered(from, 50));
      const one = await consume(group, [topic], {}, { revoked });
      await until('the first has everything', () => one.partitions.size === 4);
      const firstDrained = assert.rejects(drain(one), { code: 'LOG_CLOSED' });
      for (let partition = 0; partition < 4; partition++) await sendTo(partition, partition * 50);
      const two = await consume(group, [topic], {}, { revoked });
      const secondDrained = drain(two);
      await until('both have a share', () => one.partitions.size === 2 && two.partitions.size === 2);
      for (let partition = 0; partition < 4; partition++) await sendTo(partition, 200 + partition * 50);
      await until('all records have come', () => counts.size === 400);
      assert.deepEqual(new Set(counts.values()), new Set([1]));

      await one.consumer.close();
      await firstDrained;
      await until('the second has everything', () => two.partitions.size === 4);
      for (let partition = 0; partition < 4; partition++) await sendTo(partition, 400 + partition * 50);
      await until('the rest has come', () => counts.size === 600);
      assert.deepEqual(new Set(counts.values()), new Set([1]));
      stop.abort();
      await secondDrained;
      await two.consumer.close();
      await producer.close();
    });

    test('the positions of a group can be changed while it has no members', async () => {
      const topic = await newTopic(2);
      const group = newGroup();
      await send({ topic, partition: 0 }, numbered(0, 10));
      await log.admin.alterPositions(group, [
        { topic, partition: 0, offset: 8 },
        { topic, partition: 1, offset: 0 },
      ]);
      const member = await consume(group, [topic]);
      assert.deepEqual(texts(await member.take(2)), range(8, 2));
      await assert.rejects(log.admin.alterPositions(group, [{ topic, partition: 0, offset: 0 }]), {
        code: 'GROUP_HAS_MEMBERS',
      });
      await member.consumer.close();
      await log.admin.alterPositions(group, [{ topic, partition: 1 }]);
      assert.deepEqual(await log.admin.committed(group), [{ topic, partition: 0, offset: 8 }]);
    });

    test('what is no offset changes nothing', async () => {
      const topic = await newTopic();
      const group = newGroup();
      for (const offset of [-1, 1.5, Number.NaN]) {
        await assert.rejects(log.admin.alterPositions(group, [{ topic, partition: 0, offset }]));
      }
      assert.deepEqual(await log.admin.committed(group), []);
      await send({ topic, partition: 0 }, numbered(0, 1));
    });

    test('a position in what is no longer held goes on at the start', async () => {
      const topic = await newTopic();
      const group = newGroup();
      await send({ topic, partition: 0 }, numbered(0, 10));
      await log.admin.alterPositions(group, [{ topic, partition: 0, offset: 2 }]);
      await log.admin.deleteRecords([{ topic, partition: 0, offset: 5 }]);
      const member = await consume(group, [topic]);
      assert.deepEqual(texts(await member.take(5)), range(5, 5));
      await member.consumer.close();
    });

    test('after close everything is refused', async () => {
      const other = await open();
      const topic = `contract-${randomUUID()}`;
      await other.log.admin.createTopic(topic, { partitions: 1 });
      const producer = other.log.producer();
      const member = new Member(other.log.consumer(newGroup(), [topic]));
      await member.subscribe();
      const waiting = member.consumer.poll({ maxWaitMs: WAIT_MS });
      waiting.catch(() => undefined);
      await other.log.close();
      await assert.rejects(waiting, { code: 'LOG_CLOSED' });
      await assert.rejects(producer.send({ topic, partition: 0 }, numbered(0, 1)), { code: 'LOG_CLOSED' });
      await assert.rejects(member.consumer.poll({ maxWaitMs: 0 }), { code: 'LOG_CLOSED' });
      await assert.rejects(other.log.read({ topic, partition: 0, offset: 0 }), { code: 'LOG_CLOSED' });
      await other.cleanup();
    });
  });
}
