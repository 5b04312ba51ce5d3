import { logErrors } from '../errors.ts';
import type { LogRecord, Position, RecordBatch } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import { BatchReader } from './batch.ts';
import type { Cluster, Connections } from './cluster.ts';
import { check, OFFSET_OUT_OF_RANGE } from './errors.ts';
import { FETCH_BYTES, fetchRequest } from './fetch.ts';
import { EARLIEST, LATEST, Offsets } from './offsets.ts';

/** How long a broker waits for records that are not there: an empty answer is one. */
const MAX_WAIT_MS = 0;

/** Reads from any offset, outside of groups. */
export class Reader {
  readonly #cluster: Cluster;
  readonly #connections: Connections;
  readonly #offsets: Offsets;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#connections = cluster.connections();
    this.#offsets = new Offsets(cluster, this.#connections);
  }

  async read(from: Position, maxBytes = FETCH_BYTES): Promise<RecordBatch> {
    const { topic, partition } = from;
    const what = `read ${partitionName(from)}`;
    let { offset } = from;
    return this.#cluster.persist({ topics: [topic] }, async (remainingMs) => {
      for (;;) {
        if (!this.#cluster.topic(topic)?.leaders[partition]) await this.#cluster.refresh([topic], remainingMs);
        const found = this.#cluster.topic(topic);
        if (!found || partition >= found.leaders.length) {
          throw logErrors.TOPIC_UNKNOWN(`there is no partition ${partitionName(from)} in Kafka`);
        }
        const leader = found.leaders[partition];
        if (!leader) throw logErrors.LOG_UNAVAILABLE(`${what}: it has no leader at present`);
        const request = fetchRequest([{ ...from, offset, leader, lastEpoch: -1, maxBytes }], MAX_WAIT_MS);
        const answer = await this.#connections.request(leader.node, remainingMs, apis.fetchRecords, ...request);
        check(answer.errorCode, what);
        const [fetched] = answer.partitions;
        if (!fetched) throw logErrors.LOG_UNAVAILABLE(`${what}: the answer is empty`);
        if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
          const [start, end] = await this.#bounds(from);
          if (offset >= start) return { topic, partition, records: [], bytes: 0, endOffset: end };
          offset = start;
          continue;
        }
        check(fetched.errorCode, what);
        const { records, bytes, nextOffset } = unpack(new BatchReader(fetched.data, offset, fetched.aborted), maxBytes);
        const { endOffset } = fetched;
        // Kafka's own batches, and those of transactions that were given up, are no end.
        if (records.length === 0 && nextOffset > offset) offset = nextOffset;
        else return { topic, partition, records, bytes, endOffset };
      }
    });
  }

  close(): void {
    this.#connections.close();
  }

  async #bounds(of: Position): Promise<readonly [number, number]> {
    const [starts, ends] = await Promise.all([this.#offsets.find([of], EARLIEST), this.#offsets.find([of], LATEST)]);
    return [starts[0]!, ends[0]!];
  }
}

/** What {@link unpack} gives. */
export interface Unpacked {
  readonly records: readonly LogRecord[];
  readonly bytes: number;
  /** The offset after all that was looked at. */
  readonly nextOffset: number;
  /** Of the leader that took the last of the records; -1 if there are none. */
  readonly leaderEpoch: number;
  /** Frees the keys and values. */
  free(): void;
}

/** Unpacks batches until there are this many bytes, or no more batches. */
export function unpack(reader: BatchReader, maxBytes: number): Unpacked {
  let records: LogRecord[] = [];
  let bytes = 0;
  let leaderEpoch = -1;
  const frees: (() => void)[] = [];
  while (bytes < maxBytes && reader.hasMore) {
    const decoded = reader.take();
    frees.push(decoded.free);
    bytes += decoded.bytes;
    if (decoded.records.length > 0) ({ leaderEpoch } = decoded);
    if (records.length === 0) records = decoded.records;
    else for (const record of decoded.records) records.push(record);
  }
  const free = () => {
    for (const freeBatch of frees.splice(0)) freeBatch();
  };
  return { records, bytes, nextOffset: reader.nextOffset, leaderEpoch, free };
}
