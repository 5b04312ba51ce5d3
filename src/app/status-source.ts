import type { Collector } from '../collector/server.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { groupOf } from '../loader/connector.ts';
import { replayTopic } from '../log/dead-letter.ts';
import type { Log, PartitionOffsets } from '../log/log.ts';
import { partitionName } from '../log/log.ts';
import { operationsErrors } from '../operations/errors.ts';
import type { ConnectorStatus, Status } from '../operations/status.ts';
import { systemClock } from '../support/clock.ts';
import type { EventTopic } from './configuration.ts';
import type { ConnectorHost } from './connector-thread.ts';
import { VERSION } from './version.ts';

export interface StatusParts {
  readonly log: Log;
  readonly collector: Collector;
  readonly delivery: Delivery;
  readonly connectors: readonly ConnectorHost[];
  readonly topics: readonly EventTopic[];
  readonly bufferLimitBytes: number;
}

/** Puts together what the program says of itself. */
export class StatusSource {
  readonly #parts: StatusParts;
  readonly #startedAt = systemClock.now();

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  /** A connector by its name; throws CONNECTOR_UNKNOWN. */
  connector(name: string): ConnectorHost {
    const found = this.#parts.connectors.find((one) => one.name === name);
    if (!found) throw operationsErrors.CONNECTOR_UNKNOWN(`There is no connector ${JSON.stringify(name)}.`);
    return found;
  }

  async read(): Promise<Status> {
    const { log, collector, delivery, connectors, topics, bufferLimitBytes } = this.#parts;
    const named = new Set([...topics.map(({ name }) => name), ...connectors.flatMap((one) => one.topics)]);
    const offsets = new Map(
      await Promise.all([...named].map(async (name) => [name, await log.admin.offsets(name)] as const)),
    );
    const { accepted, delivered, buffered, deadLettered, dropped, bufferBytes } = delivery.counters;
    const { requests, acceptedEvents, rejectedEvents, shedRequests } = collector.counters;
    return {
      version: VERSION,
      startedAt: this.#startedAt,
      now: systemClock.now(),
      collector: {
        ready: delivery.readiness().ready,
        requests,
        acceptedEvents,
        rejectedEvents: met(rejectedEvents),
        shedRequests: met(shedRequests),
        bufferBytes,
        bufferLimitBytes,
      },
      accounting: { accepted, delivered, buffered, spooled: 0, deadLettered, dropped },
      topics: topics.map(({ name }) => ({
        name,
        partitions: (offsets.get(name) ?? []).map(({ partition, startOffset, endOffset }) => ({
          partition,
          startOffset,
          endOffset,
        })),
      })),
      connectors: await Promise.all(connectors.map((connector) => this.#connectorStatus(connector, offsets))),
    };
  }

  async #connectorStatus(
    connector: ConnectorHost,
    offsets: ReadonlyMap<string, readonly PartitionOffsets[]>,
  ): Promise<ConnectorStatus> {
    const [snapshot, positions] = await Promise.all([
      connector.snapshot(),
      this.#parts.log.admin.committed(groupOf(connector.name)),
    ]);
    const committed = new Map(positions.map((position) => [partitionName(position), position.offset]));
    const lag = connector.topics
      .flatMap((topic) => offsets.get(topic) ?? [])
      .reduce(
        (sum, one) => sum + Math.max(0, one.endOffset - (committed.get(partitionName(one)) ?? one.startOffset)),
        0,
      );
    const topics = connector.topics.filter((topic) => topic !== replayTopic(connector.name));
    return { name: connector.name, sink: connector.kind, topics, lag, ...snapshot };
  }
}

/** The counters of what has happened at all: a reader has no use for a list of noughts. */
function met(counters: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, count]) => count > 0));
}
