import type { Admin, LogRecord, TopicPartition } from '../../src/log/log.ts';
import type { DeadLetters, Refusal, SinkContext } from '../../src/sinks/sink.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { TestClock } from './clock.ts';

/** Dead letters that a test reads back, and that fail when it says so. */
export class FakeDeadLetters implements DeadLetters {
  readonly letters: { readonly partition: TopicPartition; readonly record: LogRecord; readonly reason: Refusal }[] = [];
  failNext: Error | undefined;

  async put(partition: TopicPartition, record: LogRecord, reason: Refusal): Promise<void> {
    const failure = this.failNext;
    this.failNext = undefined;
    if (failure) throw failure;
    this.letters.push({ partition, record, reason });
  }
}

export interface FakeTopic {
  readonly id: string;
  readonly partitions: number;
  readonly startOffset: number;
  readonly endOffset: number;
}

/** What a sink gets to work with, for topics that only exist in their description. */
export function fakeSinkContext(
  topics: Record<string, FakeTopic>,
  dataDirectory: string,
): SinkContext & { readonly deadLetters: FakeDeadLetters; readonly clock: TestClock } {
  const none = async (): Promise<never> => {
    throw new Error('not part of this test');
  };
  const admin: Admin = {
    logId: async () => 'log-of-a-test',
    topics: async () => Object.entries(topics).map(([name, { id, partitions }]) => ({ name, id, partitions })),
    offsets: async (topic) => {
      const { partitions = 0, startOffset = 0, endOffset = 0 } = topics[topic] ?? {};
      return Array.from({ length: partitions }, (_, partition) => ({ topic, partition, startOffset, endOffset }));
    },
    createTopic: none,
    offsetsAt: none,
    committed: none,
    groups: none,
    endOfEpoch: none,
    alterPositions: none,
    deleteRecords: none,
  };
  return {
    connector: 'search',
    admin,
    deadLetters: new FakeDeadLetters(),
    clock: new TestClock(),
    logger: silentLogger,
    dataDirectory,
  };
}
