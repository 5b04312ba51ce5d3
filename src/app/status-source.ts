import { Bookkeeper } from '../delivery/bookkeeper.ts';
import type { ConnectorSnapshot } from '../loader/connector.ts';
import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Admin } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import type { ConnectorStatus, Status } from '../operations/status.ts';
import { systemClock } from '../support/clock.ts';
import type { Collecting } from './collecting.ts';
import type { EventTopic } from './configuration.ts';
import { spoolRoot } from './data-directory.ts';
import type { LogSight } from './log-view.ts';
import { LogView } from './log-view.ts';
import { VERSION } from './version.ts';

export interface StatusParts {
  readonly log: { readonly kind: 'embedded' | 'kafka'; readonly admin: Admin };
  /** Absent in a process that only loads. */
  readonly collecting?: Collecting | undefined;
  readonly dataDirectory: string;
  /** All that there are by now. */
  readonly connectors: () => readonly WatchedConnector[];
  readonly topics: readonly EventTopic[];
}

/** A connector, as far as its status goes. */
export interface WatchedConnector {
  readonly name: string;
  /** Kind of sink. */
  readonly kind: string;
  readonly topics: readonly string[];
  snapshot(): Promise<ConnectorSnapshot>;
}

/** Puts together what the program says of itself. */
export class StatusSource {
  readonly #parts: StatusParts;
  readonly #log: LogView;
  readonly #startedAt = systemClock.now();

  constructor(parts: StatusParts) {
    this.#parts = parts;
    const { log, topics, connectors } = parts;
    this.#log = new LogView(log.admin, () => ({
      topics: [...new Set([...topics.map(({ name }) => name), ...connectors().flatMap((one) => one.topics)])],
      groups: connectors().map(({ name }) => groupOf(name)),
    }));
  }

  async read(): Promise<Status> {
    const { log, collecting, connectors, topics } = this.#parts;
    const [sight, snapshot] = await Promise.all([this.#log.look(), collecting?.snapshot()]);
    return {
      version: VERSION,
      startedAt: this.#startedAt,
      now: systemClock.now(),
      log: { kind: log.kind, reachable: sight.reachable },
      ...(snapshot ? { collector: snapshot.collector } : {}),
      accounting: snapshot?.accounting ?? Bookkeeper.totalsOf(spoolRoot(this.#parts.dataDirectory)),
      topics: topics.map(({ name }) => ({
        name,
        partitions: (sight.offsets.get(name) ?? []).map(({ partition, startOffset, endOffset }) => ({
          partition,
          startOffset,
          endOffset,
        })),
      })),
      connectors: await Promise.all(connectors().map((connector) => connectorStatus(connector, sight))),
    };
  }
}

async function connectorStatus(
  connector: WatchedConnector,
  { offsets, committed }: LogSight,
): Promise<ConnectorStatus> {
  const snapshot = await connector.snapshot();
  const positions = committed.get(groupOf(connector.name)) ?? [];
  const reached = new Map(positions.map((position) => [partitionName(position), position.offset]));
  const lag = connector.topics
    .flatMap((topic) => offsets.get(topic) ?? [])
    .reduce((sum, one) => sum + Math.max(0, one.endOffset - (reached.get(partitionName(one)) ?? one.startOffset)), 0);
  const topics = connector.topics.filter((topic) => topic !== replayTopic(connector.name));
  return { name: connector.name, sink: connector.kind, topics, lag, ...snapshot };
}
