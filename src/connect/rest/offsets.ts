import type { FastifyInstance } from 'fastify';
import type { TopicPartition } from '../../log/log.ts';
import type { Connectors, ShownConnector } from './connectors.ts';
import { connectErrors } from './errors.ts';

export interface OffsetRoutes {
  readonly connectors: Connectors;
  find(name: string): Promise<ShownConnector>;
  /** Throws for one that only its file changes. */
  findToChange(name: string): Promise<ShownConnector>;
  audit(name: string, change: string): void;
}

interface Named {
  readonly Params: { readonly name: string };
}

/** More partitions than one call changes. */
const MOST_OFFSETS = 10_000;

/** Which topics a connector loads, and how far it is in them (KIP-558, KIP-875). */
export function offsetRoutes(server: FastifyInstance, { connectors, find, findToChange, audit }: OffsetRoutes): void {
  const findStopped = async (name: string): Promise<ShownConnector> => {
    const found = await findToChange(name);
    if (found.connector.state !== 'STOPPED') {
      throw connectErrors.CONNECT_REQUEST_INVALID(
        'Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the ' +
          `specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
      );
    }
    return found;
  };

  server.get<Named>('/connectors/:name/topics', async ({ params: { name } }) => {
    await find(name);
    return { [name]: { topics: await connectors.topics(name) } };
  });

  server.put<Named>('/connectors/:name/topics/reset', async ({ params: { name } }, reply) => {
    await findToChange(name);
    await connectors.resetTopics(name);
    audit(name, 'reset topics');
    return reply.code(202).send();
  });

  server.get<Named>('/connectors/:name/offsets', async ({ params: { name } }) => {
    await find(name);
    const positions = await connectors.offsets(name);
    return {
      offsets: positions.map(({ topic, partition, offset }) => ({
        partition: { kafka_topic: topic, kafka_partition: partition },
        offset: { kafka_offset: offset },
      })),
    };
  });

  server.patch<Named>('/connectors/:name/offsets', async ({ params: { name }, body }) => {
    const changes = readOffsets(body);
    await findStopped(name);
    await connectors.alterOffsets(name, changes);
    audit(name, 'alter offsets');
    return { message: 'The offsets for this connector have been altered successfully' };
  });

  server.delete<Named>('/connectors/:name/offsets', async ({ params: { name } }) => {
    await findStopped(name);
    const positions = await connectors.offsets(name);
    await connectors.alterOffsets(
      name,
      positions.map(({ topic, partition }) => ({ topic, partition })),
    );
    audit(name, 'reset offsets');
    return { message: 'The offsets for this connector have been reset successfully' };
  });
}

type Change = TopicPartition & { readonly offset?: number };

/** `{"offsets": [{"partition": {"kafka_topic", "kafka_partition"}, "offset": {"kafka_offset"} | null}]}`. */
function readOffsets(body: unknown): readonly Change[] {
  const { offsets } = asRecord(body);
  if (!Array.isArray(offsets) || offsets.length === 0 || offsets.length > MOST_OFFSETS) {
    throw invalid(`Partitions / offsets must be a list with 1 to ${MOST_OFFSETS} entries.`);
  }
  return offsets.map((entry: unknown): Change => {
    const { partition: place, offset: to } = asRecord(entry);
    const { kafka_topic: topic, kafka_partition: partition } = asRecord(place);
    if (typeof topic !== 'string' || topic === '') throw invalid('kafka_topic must be the name of a topic.');
    if (!isCount(Number(partition))) throw invalid('kafka_partition must be a whole number from 0.');
    const at = { topic, partition: Number(partition) };
    if (to === null) return at;
    const offset = Number(asRecord(to)['kafka_offset'] ?? Number.NaN);
    if (!isCount(offset)) throw invalid('kafka_offset must be a whole number from 0.');
    return { ...at, offset };
  });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid('The body must be {"offsets": [{"partition": {…}, "offset": {…}}]}.');
}

function invalid(message: string): Error {
  return connectErrors.CONNECT_REQUEST_INVALID(message);
}
