import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { findRunning } from '../../src/app/running.ts';
import { kafkaTest } from '../engines/kafka-test.ts';
import { Client, sampleEvent } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { compare, idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const BATCH = 20;
const REQUESTS = 50;

kafkaTest(
  'collector processes on one port and two loaders share the work, and one that dies is replaced',
  async ({ brokers }, t) => {
    const directory = temporaryDirectory(t);
    const configuration = {
      log: { kafka: { brokers } },
      collector: { acknowledge: 'delivered', processes: 2 },
      connectors: { files: { files: { roll: { age: '200ms' } } }, search: { table: { sqlite: {} } } },
    };
    const collect = await Program.start({ directory, configuration, command: 'collect' });
    t.after(() => collect.kill());
    const loaders = await Promise.all([1, 2].map(() => Program.start({ directory, configuration, command: 'load' })));
    for (const loader of loaders) t.after(() => loader.kill());
    const client = new Client(collect.collector, 8);
    t.after(() => client.close());

    const sent = new Set<string>();
    const acknowledged = new Set<string>();
    const send = async () => {
      const ids = Array.from({ length: BATCH }, () => randomUUID());
      for (const id of ids) sent.add(id);
      const answer = await client.send(JSON.stringify(ids.map((id, index) => sampleEvent(id, sent.size + index))));
      if (answer?.status === 204 || answer?.status === 200) for (const id of ids) acknowledged.add(id);
    };
    await Promise.all(Array.from({ length: REQUESTS }, send));
    assert.equal(acknowledged.size, REQUESTS * BATCH);

    const [victim] = childrenOf(collect.pid);
    assert.ok(victim !== undefined, 'the collector has processes of its own');
    process.kill(victim, 'SIGKILL');
    await until('another process has taken its place', () => {
      const children = childrenOf(collect.pid);
      return children.length === 2 && !children.includes(victim);
    });
    await Promise.all(Array.from({ length: REQUESTS }, send));

    await loaders[0]!.hasLoaded(undefined, collect);
    assert.deepEqual(
      findRunning(collect.data).map(({ collects, loads }) => ({ collects, loads })),
      [{ collects: true, loads: false }, ...loaders.map(() => ({ collects: false, loads: true }))],
    );
    assert.equal(await collect.stop(), 0);
    assert.equal(findRunning(collect.data).length, loaders.length);
    for (const loader of loaders) assert.equal(await loader.stop(), 0);
    for (const copies of [await idsInFiles(collect.data), idsInTable(collect.data)]) {
      const { lost, unexpected } = compare(acknowledged, sent, copies);
      assert.deepEqual({ lost, unexpected }, { lost: 0, unexpected: 0 });
    }
  },
);

/** Processes whose parent this is, from proc(5). */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, after = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
        return Number(after.split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
}
