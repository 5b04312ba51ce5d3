/** Kafka's own tools for measuring: the yardstick. */

import { classpathOf, FAST } from '../../test/engines/jvm.ts';
import { fetchJars } from '../../test/engines/maven.ts';
import { runJob } from '../../test/engines/server-process.ts';
import { MEASURED_CORE, pinnedTo } from '../processes.ts';
import type { ConsumeOrder, ProduceOrder, Rate } from './messages.ts';
import { BATCH_RECORDS, COMPRESSION, FETCH_BYTES, RECORD_BYTES } from './messages.ts';

/** The command-line tools are not served in the version of the broker. */
const TOOLS = {
  name: 'kafka-tools',
  artifacts: ['org.apache.kafka:kafka-tools:4.3.1', 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5'],
};
const JOB_MS = 600_000;
/** Until a batch is full; the producer's own default. */
const LINGER_MS = 5;

/** Kafka's ProducerPerformance. */
export async function javaProduces({ brokers, topic, payload, warmUpRecords, records }: ProduceOrder): Promise<Rate> {
  const properties = {
    'bootstrap.servers': brokers.join(','),
    acks: '1',
    'compression.type': COMPRESSION,
    'batch.size': String(BATCH_RECORDS * RECORD_BYTES),
    'linger.ms': String(LINGER_MS),
  };
  const output = await java('ProducerPerformance', [
    ...['--topic', topic, '--num-records', String(warmUpRecords + records), '--throughput', '-1'],
    ...['--warmup-records', String(warmUpRecords), '--payload-file', payload],
    ...['--command-property', ...Object.entries(properties).map(([name, value]) => `${name}=${value}`)],
  ]);
  return { recordsPerSecond: figure(output, /([\d.]+) records\/sec/g) };
}

/** Kafka's ConsumerPerformance; the time that it takes to join the group is not counted. */
export async function javaConsumes({ brokers, topic, group, records }: ConsumeOrder): Promise<Rate> {
  const output = await java('ConsumerPerformance', [
    ...['--bootstrap-server', brokers.join(','), '--topic', topic, '--group', group],
    ...['--num-records', String(records), '--fetch-size', String(FETCH_BYTES), '--hide-header'],
  ]);
  // The last field of: start, end, MB, MB/s, records, records/s, ms to join, ms to fetch, MB/s, records/s.
  return { recordsPerSecond: figure(output, /, ([\d.]+)$/gm) };
}

async function java(tool: string, words: readonly string[]): Promise<string> {
  const home = await fetchJars(TOOLS, () => undefined);
  const [program = '', ...before] = [...pinnedTo(MEASURED_CORE), 'java'];
  return runJob(
    program,
    [...before, ...FAST, ...classpathOf(home), `org.apache.kafka.tools.${tool}`, ...words],
    JOB_MS,
  );
}

/** The last one: what the tools sum up with. */
function figure(output: string, pattern: RegExp): number {
  const value = Number([...output.matchAll(pattern)].at(-1)?.[1]);
  if (!(value > 0)) throw new Error(`no figure in what the tool wrote:\n${output}`);
  return value;
}
