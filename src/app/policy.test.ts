import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { loadConfiguration } from './configuration.ts';
import type { PolicyName } from './policy.ts';
import { POLICIES, policies, policySettings } from './policy.ts';
import { impliedTopics } from './topics.ts';

const KAFKA = 'log: { kafka: { brokers: ["localhost:9092"] } }';

function load(...lines: string[]) {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-test-'));
  try {
    const file = path.join(directory, 'millrace.yaml');
    writeFileSync(file, lines.join('\n'));
    return loadConfiguration({ file, environment: {}, workingDirectory: directory });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a policy sets everything it stands for, and nothing else is needed', () => {
  for (const name of POLICIES) {
    const { configuration, faults } = load(`policy: ${name}`, KAFKA);
    assert.deepEqual(faults, [], name);
    assert.deepEqual(policySettings(configuration), policies[name].settings, name);
  }
  const { configuration } = load();
  assert.equal(configuration.policy, 'steady');
  assert.deepEqual(policySettings(configuration), { 'collector.acknowledge': 'received' });
});

test('a single setting may be stricter than the policy, but not break its promise', () => {
  const faultsOf = (policy: PolicyName, ...lines: string[]) =>
    load(`policy: ${policy}`, ...lines).faults.map(({ path, line }) => `${path}:${line}`);
  const kafka = (settings: string) => `log: { kafka: { brokers: ["localhost:9092"], ${settings} } }`;
  assert.deepEqual(faultsOf('steady', 'collector: { acknowledge: delivered }', kafka('acks: all')), []);
  assert.deepEqual(faultsOf('durable', 'collector: { acknowledge: delivered }', KAFKA), []);
  assert.deepEqual(faultsOf('durable', 'collector: { acknowledge: received }', KAFKA), ['collector.acknowledge:2']);
  assert.deepEqual(faultsOf('durable', kafka('acks: "1"')), ['log.kafka.acks:2']);
  assert.deepEqual(faultsOf('exactly-once', 'collector: { acknowledge: spooled }', kafka('idempotent: false')), [
    'collector.acknowledge:2',
    'log.kafka.idempotent:3',
  ]);
});

test('files that may hold a record twice break the promise of exactly once, and no other', () => {
  const connectors = 'connectors: { plain: { files: { guarantee: at-least-once } } }';
  const pathsOf = (policy: PolicyName) => load(`policy: ${policy}`, KAFKA, connectors).faults.map(({ path }) => path);
  assert.deepEqual(pathsOf('steady'), []);
  assert.deepEqual(pathsOf('durable'), []);
  assert.deepEqual(pathsOf('exactly-once'), ['connectors.plain.files.guarantee']);
});

test('a data stream, which forgets ids as it rolls over, breaks the promise of exactly once, and no other', () => {
  const search = '{ elasticsearch: { nodes: ["http://es:9200"] }, index: events, dataStream: true }';
  const pathsOf = (policy: PolicyName) =>
    load(`policy: ${policy}`, KAFKA, `connectors: { stream: { search: ${search} } }`).faults.map(({ path }) => path);
  assert.deepEqual(pathsOf('steady'), []);
  assert.deepEqual(pathsOf('durable'), []);
  assert.deepEqual(pathsOf('exactly-once'), ['connectors.stream.search.dataStream']);
});

test('with three copies a strict policy wants two in sync, unless told otherwise', () => {
  const topics = (config: string) => `topics: { a: { types: [a], replication: 3${config} } }`;
  const settingsOf = (policy: PolicyName, config = '') =>
    impliedTopics(load(`policy: ${policy}`, KAFKA, topics(config)).configuration).get('a')?.config;
  assert.equal(settingsOf('steady'), undefined);
  assert.deepEqual(settingsOf('durable'), { 'min.insync.replicas': '2' });
  assert.deepEqual(settingsOf('durable', ', config: { min.insync.replicas: "3" }'), { 'min.insync.replicas': '3' });
  assert.deepEqual(
    load('policy: durable', KAFKA, topics(', config: { min.insync.replicas: "1" }')).faults.map((fault) => fault.path),
    ['topics.a.config'],
  );
});

test('dead letters and replays have as many copies as the safest topic', () => {
  const topics = impliedTopics(
    load('policy: durable', KAFKA, 'topics: { a: { types: [a], replication: 3 }, b: { types: [b] } }').configuration,
  );
  assert.deepEqual(topics.get('millrace-dead-letters'), {
    partitions: 1,
    replication: 3,
    config: { 'min.insync.replicas': '2' },
  });
  assert.equal(topics.get('b')?.replication, undefined);
});

test('several collector processes need a log that they can share', () => {
  const pathsOf = (...lines: string[]) => load(...lines).faults.map((fault) => fault.path);
  assert.deepEqual(pathsOf('collector: { processes: 2 }'), ['collector.processes']);
  assert.deepEqual(pathsOf('collector: { processes: 2, demo: true }', KAFKA), ['collector.demo']);
  assert.deepEqual(pathsOf('collector: { processes: 2 }', KAFKA), []);
});

test('a batch is no larger than what Kafka takes', () => {
  const { faults } = load('delivery: { batchBytes: 2MiB }', KAFKA);
  assert.deepEqual(
    faults.map((fault) => fault.path),
    ['delivery.batchBytes'],
  );
});

test('a field that the collector sets makes no key', () => {
  const { faults } = load('topics: { a: { types: [a], key: receivedAt } }');
  assert.deepEqual(
    faults.map((fault) => fault.path),
    ['topics.a.key'],
  );
});

test('docs/guarantees.md says of each policy what the program says', () => {
  const document = readFileSync(path.join(import.meta.dirname, '../../docs/guarantees.md'), 'utf8');
  for (const name of POLICIES) {
    const { promise, cost, lost, doubled } = policies[name];
    for (const sentence of [promise, cost, lost, doubled]) assert.ok(document.includes(`| ${sentence} `), sentence);
  }
});
