import type { Admin, PartitionOffsets, Position } from '../log/log.ts';
import { MillraceError } from '../support/errors.ts';
import { settlesWithin } from '../support/within.ts';

/** What is known of the log's topics and groups. */
export interface LogSight {
  readonly offsets: ReadonlyMap<string, readonly PartitionOffsets[]>;
  readonly committed: ReadonlyMap<string, readonly Position[]>;
  /** False while the log gives no answer: the rest is then as it was last seen. */
  readonly reachable: boolean;
}

/** What is looked at, by names. */
export interface Looked {
  readonly topics: readonly string[];
  readonly groups: readonly string[];
}

/** Longest wait for the log before what was last seen is told instead. */
const PATIENCE_MS = 500;

/**
 * Topics and groups of the log as an operator sees them: always an answer, and soon, also while
 * the log is away. One look is under way at a time, however many ask.
 */
export class LogView {
  readonly #admin: Admin;
  readonly #what: () => Looked;
  #seen: LogSight = { offsets: new Map(), committed: new Map(), reachable: false };
  #looking: Promise<void> | undefined;

  constructor(admin: Admin, what: () => Looked) {
    this.#admin = admin;
    this.#what = what;
  }

  async look(): Promise<LogSight> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    if (!(await settlesWithin(this.#looking, PATIENCE_MS))) this.#seen = { ...this.#seen, reachable: false };
    return this.#seen;
  }

  async #look(): Promise<void> {
    const { topics, groups } = this.#what();
    try {
      const [offsets, committed] = await Promise.all([
        byName(topics, (topic) => this.#offsets(topic)),
        byName(groups, (group) => this.#admin.committed(group)),
      ]);
      this.#seen = { offsets, committed, reachable: true };
    } catch {
      this.#seen = { ...this.#seen, reachable: false };
    }
  }

  /** Of a topic that is not there (yet), none: a connector may name it before it is made. */
  async #offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    try {
      return await this.#admin.offsets(topic);
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'TOPIC_UNKNOWN') return [];
      throw error;
    }
  }
}

async function byName<T>(names: readonly string[], ask: (name: string) => Promise<T>): Promise<ReadonlyMap<string, T>> {
  return new Map(await Promise.all(names.map(async (name) => [name, await ask(name)] as const)));
}
