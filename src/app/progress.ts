import type { OutgoingEvent } from '../delivery/intake.ts';
import { groupOf } from '../loader/connector.ts';
import type { Admin, Position, TopicPartition } from '../log/log.ts';

/** How far one event has come: what the demo page shows. */
export interface EventProgress {
  readonly log: boolean;
  readonly files: boolean;
  readonly search: boolean;
}

/** Where the newest events stand in the log; enough for people who watch their own event for some seconds. */
const MOST_EVENTS = 10_000;

interface WatchedConnector {
  readonly name: string;
  /** Kind of sink: `files` is one store of the demo, any other is its search store. */
  readonly kind: string;
  readonly topics: readonly string[];
}

/** Follows single events from the log into the stores, by comparing offsets. */
export class ProgressTracker {
  readonly #admin: Admin;
  readonly #connectors: readonly WatchedConnector[];
  readonly #places = new Map<string, Position>();

  constructor(admin: Admin, connectors: readonly WatchedConnector[]) {
    this.#admin = admin;
    this.#connectors = connectors;
  }

  /** Remembers where events stand in the log. */
  delivered(to: TopicPartition, baseOffset: number, events: readonly OutgoingEvent[]): void {
    for (const [index, { id }] of events.entries()) this.#places.set(id, { ...to, offset: baseOffset + index });
    for (const id of this.#places.keys()) {
      if (this.#places.size <= MOST_EVENTS) break;
      this.#places.delete(id);
    }
  }

  async of(id: string): Promise<EventProgress> {
    const place = this.#places.get(id);
    if (!place) return { log: false, files: false, search: false };
    const [files, search] = await Promise.all([this.#loaded(place, 'files'), this.#loaded(place, 'search')]);
    return { log: true, files, search };
  }

  async #loaded(place: Position, store: 'files' | 'search'): Promise<boolean> {
    const loading = this.#connectors.filter(
      (one) => (one.kind === 'files') === (store === 'files') && one.topics.includes(place.topic),
    );
    const done = await Promise.all(
      loading.map(async ({ name }) => {
        const positions = await this.#admin.committed(groupOf(name));
        return positions.some(
          ({ topic, partition, offset }) =>
            topic === place.topic && partition === place.partition && offset > place.offset,
        );
      }),
    );
    return done.length > 0 && done.every(Boolean);
  }
}
