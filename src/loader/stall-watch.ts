import type { Admin, PartitionOffsets, Position } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { Clock } from '../support/clock.ts';

export interface StallWatchOptions {
  readonly admin: Admin;
  readonly clock: Clock;
  /** How long records may stand in the log without being handed out, milliseconds. */
  readonly timeoutMs: number;
}

interface Suspicion {
  readonly offset: number;
  readonly since: number;
}

/**
 * Notices a consumer that says nothing and gives nothing: records stand in the log, a load waits
 * for them, and none come. It asks the log itself, by another way than the consumer's.
 *
 * The end of a partition may lie behind offsets that hold no record (Kafka: transaction markers,
 * compaction), which looks the same; so each end is complained of once only.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #suspected = new Map<string, Suspicion>();
  readonly #complained = new Map<string, number>();

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Of the positions that loads wait for, the first that has waited too long. Rejects with the log's errors. */
  async check(waiting: readonly Position[]): Promise<Position | undefined> {
    const { clock, timeoutMs } = this.#options;
    const offsets = await this.#offsets(waiting);
    const ends = new Map(offsets.map((one) => [partitionName(one), one.endOffset]));
    const names = new Set(waiting.map(partitionName));
    for (const name of this.#suspected.keys()) if (!names.has(name)) this.#suspected.delete(name);
    const now = clock.monotonic();
    return waiting.find((position) => {
      const name = partitionName(position);
      const end = ends.get(name) ?? 0;
      const suspicion = this.#suspected.get(name);
      if (end <= position.offset || suspicion?.offset !== position.offset) {
        this.#suspected.set(name, { offset: position.offset, since: now });
        return false;
      }
      if (now - suspicion.since < timeoutMs || this.#complained.get(name) === end) return false;
      this.#complained.set(name, end);
      return true;
    });
  }

  /** While the log itself gives no answer, nobody can be blamed for not reading it. */
  async #offsets(waiting: readonly Position[]): Promise<readonly PartitionOffsets[]> {
    const topics = [...new Set(waiting.map(({ topic }) => topic))];
    try {
      return (await Promise.all(topics.map((topic) => this.#options.admin.offsets(topic)))).flat();
    } catch (error) {
      this.#suspected.clear();
      throw error;
    }
  }
}
