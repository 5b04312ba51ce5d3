import type { Admin, PartitionOffsets, Position, TopicDescription } from '../../src/log/log.ts';

/** What a log's admin would answer, set by the test. */
export class TestAdmin implements Admin {
  id = 'test-log';
  descriptions: TopicDescription[] = [{ name: 'select-color', id: 'topic-1', partitions: 2 }];
  bounds: PartitionOffsets[] = [];
  positions: Position[] = [];

  async logId(): Promise<string> {
    return this.id;
  }

  async topics(): Promise<readonly TopicDescription[]> {
    return this.descriptions;
  }

  async createTopic(): Promise<TopicDescription> {
    throw new Error('not in this test');
  }

  /** What was set, else a log that holds everything that anyone could ask for. */
  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    const description = this.descriptions.find(({ name }) => name === topic);
    return Array.from({ length: description?.partitions ?? 0 }, (_, partition) => {
      const set = this.bounds.find((bounds) => bounds.topic === topic && bounds.partition === partition);
      return set ?? { topic, partition, startOffset: 0, endOffset: Number.MAX_SAFE_INTEGER };
    });
  }

  async offsetsAt(): Promise<readonly Position[]> {
    return [];
  }

  async committed(): Promise<readonly Position[]> {
    return this.positions;
  }

  async groups(): Promise<readonly string[]> {
    return [];
  }

  /** By epoch, where it ended. */
  epochEnds = new Map<number, number>();

  async endOfEpoch(_partition: object, leaderEpoch: number): Promise<number | undefined> {
    return this.epochEnds.get(leaderEpoch);
  }

  async alterPositions(): Promise<void> {}

  async deleteRecords(): Promise<void> {}
}
