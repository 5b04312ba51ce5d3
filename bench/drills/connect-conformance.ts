/**
 * The same calls to a real Kafka Connect and to `millrace load`, each on a Kafka of its own, and
 * their answers compared field by field.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startKafka } from '../../test/engines/kafka.ts';
import { startKafkaConnect } from '../../test/engines/kafka-connect.ts';
import { sampleEvent } from '../../test/support/client.ts';
import { kafkaLog } from '../../test/support/kafka-log.ts';
import { Program } from '../../test/support/program.ts';
import { until } from '../../test/support/until.ts';
import type { BenchResult } from '../result.ts';
import { meets } from '../result.ts';
import type { Report } from '../run.ts';
import { round } from '../statistics.ts';
import type { Call } from './connect-conformance/calls.ts';
import { MOVABLE, SINK, STEPS, TOPICS } from './connect-conformance/calls.ts';
import { placesOf, reasonFor } from './connect-conformance/differences.ts';
import { normalised } from './connect-conformance/normalisations.ts';
import type { Side } from './connect-conformance/side.ts';
import { ask, settle } from './connect-conformance/side.ts';

const TARGETS = { calls: 100, same: 0.9, max_unexplained: 0 };
const FILE_SINK = 'org.apache.kafka.connect.file.FileStreamSinkConnector';
const PARTITIONS = 2;
const RECORDS = 5;

export async function run(report: Report): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-conformance-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const [theirLog, ourLog] = await Promise.all([startKafka(), startKafka()]);
  for (const kafka of [theirLog, ourLog]) {
    stack.defer(() => kafka.close());
    await fill(kafka.brokers);
  }
  const connect = await startKafkaConnect({ brokers: theirLog.brokers });
  stack.defer(() => connect.close());
  const configuration = {
    log: { kafka: { brokers: ourLog.brokers } },
    connectors: {},
    // As the other one has it.
    logging: { level: 'info', format: 'text' },
  };
  const program = stack.use(await Program.start({ directory, configuration, command: 'load' }));
  const theirs: Side = { url: connect.url, classes: { [SINK]: FILE_SINK, [MOVABLE]: FILE_SINK } };
  const ours: Side = { url: program.operations, classes: { [SINK]: 'FilesSink', [MOVABLE]: 'SearchSink' } };

  await until('both are ready', async () => {
    const answers = await Promise.all([theirs, ours].map((side) => ask(side, { method: 'GET', path: '/health' })));
    return answers.every(({ status }) => status === 200);
  });
  const counts = { calls: 0, same: 0, explained: 0, unexplained: 0 };
  for (const step of STEPS) {
    if ('settle' in step) {
      await Promise.all([settle(theirs, step), settle(ours, step)]);
      continue;
    }
    const [their, our] = [normalised(await ask(theirs, step), theirs), normalised(await ask(ours, step), ours)];
    const reasons = placesOf(their, our).map((place) => ({ place, reason: reasonFor(step, place) }));
    const strange = reasons.filter(({ reason }) => reason === undefined);
    counts.calls++;
    if (reasons.length === 0) counts.same++;
    else if (strange.length === 0) counts.explained++;
    else counts.unexplained++;
    for (const reason of new Set(reasons.map((one) => one.reason))) {
      if (reason !== undefined) report(`${titleOf(step)}: ${reason}`);
    }
    if (strange.length > 0) {
      const places = strange.map(({ place }) => place).join(', ');
      report(`${titleOf(step)}: differs at ${places}\n  ${JSON.stringify(their)}\n  ${JSON.stringify(our)}`);
    }
  }
  const { calls, same, explained, unexplained } = counts;
  const figures = { calls, explained, unexplained };
  const ratios = { same: round(same / calls, 3) };
  return {
    name: 'connect-conformance',
    ok: meets({ ...figures, ...ratios }, TARGETS),
    figures,
    ratios,
    targets: TARGETS,
  };
}

/** The topics, with a few events in each partition. */
async function fill(brokers: readonly string[]): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const log = kafkaLog(brokers);
  stack.defer(() => log.close());
  for (const topic of TOPICS) {
    await log.admin.createTopic(topic, { partitions: PARTITIONS });
    const producer = log.producer();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = Array.from({ length: RECORDS }, (_, index) => ({
        timestamp: Date.now(),
        value: Buffer.from(JSON.stringify(sampleEvent(`${topic}-${partition}-${index}`, index))),
      }));
      await producer.send({ topic, partition }, records);
    }
    await producer.close();
  }
}

function titleOf({ method, path: at, body, text }: Call): string {
  const given = text ?? (body === undefined ? '' : JSON.stringify(body));
  return `${method} ${at} ${given}`.trim().slice(0, 140);
}
