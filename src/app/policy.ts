import type { Fault } from '../config/read.ts';
import type { TopicOptions } from '../log/log.ts';
import type { Configuration } from './definition.ts';

export const POLICIES = ['steady', 'durable', 'exactly-once'] as const;
export type PolicyName = (typeof POLICIES)[number];

/** What delivery and loading promise together, and what they cost. */
export interface Policy {
  /** One sentence, without a full stop. */
  readonly promise: string;
  readonly cost: string;
  /** What may be lost of what was acknowledged, and when. */
  readonly lost: string;
  /** What may be there twice, and where. */
  readonly doubled: string;
  /** The settings it stands for, by their path; used wherever the file is silent. */
  readonly settings: Readonly<Record<string, string | boolean>>;
  /** Values of those settings that keep the promise too. */
  readonly alsoGood: Readonly<Record<string, readonly (string | boolean)[]>>;
}

/** The policies, from the cheapest to the strictest. docs/guarantees.md says the same, with the tests that prove it. */
export const policies: Readonly<Record<PolicyName, Policy>> = {
  steady: {
    promise: 'pages are answered at once, outages of the log are bridged, and a clean stop loses nothing',
    cost: 'the least: memory up to delivery.bufferBytes, and disk only while the log is away',
    lost:
      'on a crash of the collector, events in its buffer (at most delivery.bufferBytes); when the leader of a Kafka ' +
      'partition dies, what it had acknowledged and no follower had fetched',
    doubled: 'search and table: nothing; files: a record that Kafka stored twice after a lost acknowledgement, counted',
    settings: { 'collector.acknowledge': 'received', 'log.kafka.acks': '1', 'log.kafka.idempotent': false },
    alsoGood: {
      'collector.acknowledge': ['spooled', 'delivered'],
      'log.kafka.acks': ['all'],
      'log.kafka.idempotent': [true],
    },
  },
  durable: {
    promise:
      'what was acknowledged survives a crash of the collector, and of any one Kafka broker where there are three',
    cost: 'an fsync on the collector before each answer (events share it), and a second copy before Kafka acknowledges',
    lost: "nothing, as long as the collector's disk and one in-sync replica survive",
    doubled: 'as with steady',
    settings: { 'collector.acknowledge': 'spooled', 'log.kafka.acks': 'all', 'log.kafka.idempotent': false },
    alsoGood: { 'collector.acknowledge': ['delivered'], 'log.kafka.idempotent': [true] },
  },
  'exactly-once': {
    promise: 'one copy of an event in search and table stores, from client to store, if the client sends the id',
    cost: "the answer waits for Kafka, and is 503 while Kafka is away: the client's retry, with the same id, is the buffer",
    lost: 'nothing, as long as one in-sync replica survives',
    doubled: 'search and table: nothing; files: an event that was sent again after an uncertain answer, counted',
    settings: { 'collector.acknowledge': 'delivered', 'log.kafka.acks': 'all', 'log.kafka.idempotent': true },
    alsoGood: {},
  },
};

/** The settings of each policy as defaults of the configuration. */
export const POLICY_PRESETS = {
  by: 'policy',
  of: Object.fromEntries(POLICIES.map((name) => [name, policies[name].settings])),
} as const;

/** With three copies or more, a record counts as stored once two have it, unless the policy is content with one. */
const MIN_IN_SYNC = 'min.insync.replicas';
const COPIES_FOR_TWO_IN_SYNC = 3;

/** A topic's options with what the policy adds to them. */
export function topicSettings({ policy }: Configuration, options: TopicOptions): TopicOptions {
  if (policy === 'steady' || (options.replication ?? 1) < COPIES_FOR_TWO_IN_SYNC) return options;
  return { ...options, config: { [MIN_IN_SYNC]: '2', ...options.config } };
}

/** Settings that break the promise of the policy in force. */
export function brokenPromises(configuration: Configuration): Fault[] {
  const { policy, topics } = configuration;
  const { settings, alsoGood } = policies[policy];
  const faults: Fault[] = [];
  for (const [path, wanted] of Object.entries(settings)) {
    const value = valueAt(configuration, path);
    if (value === undefined || value === wanted || alsoGood[path]?.includes(value as string | boolean)) continue;
    const good = [wanted, ...(alsoGood[path] ?? [])].join(' or ');
    faults.push({
      path,
      message: `${path} is ${String(value)}, which breaks the promise of "policy: ${policy}"; it needs ${good}.`,
    });
  }
  if (policy === 'exactly-once') faults.push(...doublingFiles(configuration), ...doublingStreams(configuration));
  if (policy === 'steady') return faults;
  for (const [name, { replication = 1, config = {} }] of Object.entries(topics)) {
    const inSync = config[MIN_IN_SYNC];
    if (replication >= COPIES_FOR_TWO_IN_SYNC && inSync !== undefined && Number(inSync) < 2) {
      const path = `topics.${name}.config`;
      faults.push({
        path,
        message: `${path} sets ${MIN_IN_SYNC} to ${inSync}, which breaks the promise of "policy: ${policy}"; it needs 2.`,
      });
    }
  }
  return faults;
}

/** Connectors that may store a record twice. */
function doublingFiles({ connectors = {} }: Configuration): Fault[] {
  return Object.entries(connectors).flatMap(([name, { files }]) => {
    if (files?.guarantee !== 'at-least-once') return [];
    const path = `connectors.${name}.files.guarantee`;
    const message = `${path} is at-least-once, which breaks the promise of "policy: exactly-once"; it needs exactly-once.`;
    return [{ path, message }];
  });
}

/** Connectors whose store finds a copy of an event only as long as its index is the newest of a stream. */
function doublingStreams({ connectors = {} }: Configuration): Fault[] {
  return Object.entries(connectors).flatMap(([name, { search }]) => {
    if (!search?.dataStream) return [];
    const path = `connectors.${name}.search.dataStream`;
    const message = `${path} is true, which breaks the promise of "policy: exactly-once"; it needs false.`;
    return [{ path, message }];
  });
}

/** The settings that a policy decides, as they are in force; those of Kafka only where Kafka is the log. */
export function policySettings(configuration: Configuration): Readonly<Record<string, unknown>> {
  const paths = Object.keys(policies[configuration.policy].settings);
  const known = paths.map((path) => [path, valueAt(configuration, path)] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((within, name) => (within as Record<string, unknown> | undefined)?.[name], value);
}
