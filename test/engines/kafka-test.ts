/** Tests against real Kafka. */
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { KafkaCluster, KafkaOptions } from './kafka.ts';
import { startKafka } from './kafka.ts';
import { orSkip } from './or-skip.ts';

/** One broker a test file: a start takes longer than most tests. */
let shared: Promise<KafkaCluster> | undefined;

test.after(async () => {
  const cluster = await shared?.catch(() => undefined);
  await cluster?.close();
});

type Body = (cluster: KafkaCluster, t: TestContext) => Promise<void>;

/**
 * A test with Kafka: one broker that all such tests of the file share, or a cluster of its own with
 * the given options. Where Java or Maven is missing the test is skipped, and says so; with
 * `CI=true` it fails instead.
 */
export function kafkaTest(name: string, ...rest: [Body] | [KafkaOptions, Body]): void {
  const [options, body] = rest.length === 1 ? [undefined, rest[0]] : rest;
  test(name, async (t) => {
    const cluster = await kafkaOrSkip(t, options);
    if (cluster) await body(cluster, t);
  });
}

/** The cluster for a test that is written without {@link kafkaTest}; `undefined` where the test was skipped. */
export function kafkaOrSkip(t: TestContext, options?: KafkaOptions): Promise<KafkaCluster | undefined> {
  return orSkip(t, 'Kafka', async () => {
    if (!options) {
      shared ??= startKafka();
      return shared;
    }
    const cluster = await startKafka(options);
    t.after(() => cluster.close());
    return cluster;
  });
}
