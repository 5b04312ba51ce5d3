/** Kafka's own command-line tools: a second opinion on what a topic holds, and the yardstick of throughput. */
import { Admin } from '@platformatic/kafka';
import { classpathOf, FAST, SMALL } from './jvm.ts';
import type { JarSet } from './maven.ts';
import { fetchJars, toStandardError } from './maven.ts';
import { runJob } from './server-process.ts';

/** In a home of their own: their Kafka client is another version than the broker's. */
const TOOLS: JarSet = {
  name: 'kafka-tools',
  artifacts: ['org.apache.kafka:kafka-tools:4.3.1', 'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5'],
};

const CONSUME_MS = 60_000;
const MEASUREMENT_MS = 600_000;
/** A consumer that gets nothing for this long has seen the end; the first poll has to find the coordinator too. */
const IDLE_MS = 10_000;
const ASK_MS = 10_000;

/** What clients of the tools are told, as in a properties file: `compression.type`, `security.protocol`, … */
type Properties = Readonly<Record<string, string>>;

interface Tool {
  readonly properties?: Properties;
  /** Words before `java`, such as `taskset -c 1`. */
  readonly before?: readonly string[];
}

async function runTool(
  name: string,
  words: readonly string[],
  { properties = {}, before = [] }: Tool,
  java: readonly string[],
  deadlineMs: number,
): Promise<string> {
  const home = await fetchJars(TOOLS, toStandardError);
  const settings = Object.entries(properties).flatMap(([key, value]) => ['--command-property', `${key}=${value}`]);
  const all = [...java, ...classpathOf(home), `org.apache.kafka.tools.${name}`, ...words, ...settings];
  const [program = 'java', ...rest] = [...before, 'java', ...all];
  return runJob(program, rest, deadlineMs);
}

/**
 * What `kafka-console-consumer --from-beginning` prints, a line a record: `max` of them, or fewer
 * when no more come.
 */
export async function consoleConsume(
  brokers: readonly string[],
  topic: string,
  { max, ...tool }: Tool & { readonly max: number },
): Promise<readonly string[]> {
  const which = ['--bootstrap-server', brokers.join(','), '--topic', topic, '--from-beginning'];
  const until = ['--max-messages', String(max), '--timeout-ms', String(IDLE_MS)];
  const printed = await runTool('consumer.ConsoleConsumer', [...which, ...until], tool, SMALL, CONSUME_MS);
  return printed === '' ? [] : printed.replace(/\n$/, '').split('\n');
}

export interface ProducerFigures {
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly averageLatencyMs: number;
  readonly p50LatencyMs: number;
  readonly p99LatencyMs: number;
}

interface ProducerLoad {
  /** As many are sent and measured, */
  readonly records: number;
  /** after as many that are not, since Java is slow until it has compiled. */
  readonly warmUpRecords?: number;
  /** The size of each, or a file with values, one a line, from which each is drawn. */
  readonly values: { readonly bytes: number } | { readonly file: string };
}

/** How fast Java's own producer fills a topic, as fast as it can. */
export async function producerPerformance(
  brokers: readonly string[],
  topic: string,
  { records, warmUpRecords = 0, values, ...tool }: Tool & ProducerLoad,
): Promise<ProducerFigures> {
  const which = ['--bootstrap-server', brokers.join(','), '--topic', topic];
  const what = 'file' in values ? ['--payload-file', values.file] : ['--record-size', String(values.bytes)];
  const warmUp = warmUpRecords > 0 ? ['--warmup-records', String(warmUpRecords)] : [];
  const load = ['--num-records', String(warmUpRecords + records), '--throughput', '-1', ...what, ...warmUp];
  const printed = await runTool('ProducerPerformance', [...which, ...load], tool, FAST, MEASUREMENT_MS);
  const summary =
    printed
      .trimEnd()
      .split('\n')
      .findLast((line) => line.includes('99th')) ?? '';
  const figure = (pattern: RegExp) => numberIn(summary, pattern, printed);
  return {
    records: figure(/(\d+) (?:steady state )?records sent/),
    recordsPerSecond: figure(/([\d.]+) records\/sec/),
    averageLatencyMs: figure(/([\d.]+) ms avg latency/),
    p50LatencyMs: figure(/(\d+) ms 50th/),
    p99LatencyMs: figure(/(\d+) ms 99th/),
  };
}

export interface ConsumerFigures {
  readonly records: number;
  readonly recordsPerSecond: number;
  /** Without the time in which the group came together. */
  readonly fetchRecordsPerSecond: number;
}

/** How fast Java's own consumer empties a topic from its start. */
export async function consumerPerformance(
  brokers: readonly string[],
  topic: string,
  { records, ...tool }: Tool & { readonly records: number },
): Promise<ConsumerFigures> {
  const words = ['--bootstrap-server', brokers.join(','), '--topic', topic, '--num-records', String(records)];
  const printed = await runTool('ConsumerPerformance', words, tool, FAST, MEASUREMENT_MS);
  const lines = printed.trim().split('\n');
  const head = lines.findIndex((line) => line.startsWith('start.time'));
  const cells = (line = '') => line.split(',').map((cell) => cell.trim());
  const names = cells(lines[head]);
  const values = cells(lines[head + 1]);
  const figure = (name: string) => {
    const value = Number(values[names.indexOf(name)]);
    if (head < 0 || Number.isNaN(value)) throw new Error(`no ${name} in what the tool printed: ${printed}`);
    return value;
  };
  return {
    records: figure('data.consumed.in.nMsg'),
    recordsPerSecond: figure('nMsg.sec'),
    fetchRecordsPerSecond: figure('fetch.nMsg.sec'),
  };
}

function numberIn(line: string, pattern: RegExp, printed: string): number {
  const [, found] = pattern.exec(line) ?? [];
  if (found === undefined) throw new Error(`no ${pattern} in what the tool printed: ${printed}`);
  return Number(found);
}

/** The node that leads a partition now, by its id; `undefined` while none does. */
export async function leaderOf(
  brokers: readonly string[],
  topic: string,
  partition: number,
): Promise<number | undefined> {
  const admin = new Admin({
    clientId: 'millrace-leader',
    bootstrapBrokers: [...brokers],
    timeout: ASK_MS,
    retries: 0,
  });
  try {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    const leader = topics.get(topic)?.partitions[partition]?.leader;
    return leader === undefined || leader < 0 ? undefined : leader;
  } finally {
    await admin.close();
  }
}
