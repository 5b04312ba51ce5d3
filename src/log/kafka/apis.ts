/**
 * The questions that are put to brokers, each in one version that all brokers from 3.1 to 4.x
 * answer. Source: https://kafka.apache.org/protocol
 */
import type { Reader } from '@platformatic/kafka';
import { freeBuffer } from '../../support/free-buffer.ts';
import type { AbortedTransaction } from './batch.ts';
import { apis as client, Writer } from './client.ts';
import type { API } from './connection.ts';

/** Of a record or position of which no leader is known, in every question that has room for one. */
export const NO_EPOCH = -1;

export const createTopics = client.createTopicsV7.api;
export const deleteRecords = client.deleteRecordsV2.api;
export const describeConfigs = client.describeConfigsV4.api;
export const describeGroups = client.describeGroupsV5.api;
export const findCoordinator = client.findCoordinatorV4.api;
export const heartbeat = client.heartbeatV4.api;
export const initProducerId = client.initProducerIdV4.api;
export const joinGroup = client.joinGroupV7.api;
export const leaveGroup = client.leaveGroupV4.api;
export const listGroups = client.listGroupsV4.api;
export const listOffsets = client.listOffsetsV6.api;
export const metadata = client.metadataV12.api;
export const offsetCommit = client.offsetCommitV8.api;
export const offsetDelete = client.offsetDeleteV0.api;
export const offsetFetch = client.offsetFetchV8.api;
export const offsetForLeaderEpoch = client.offsetForLeaderEpochV4.api;
export const syncGroup = client.syncGroupV5.api;

/** A batch for one partition: the client would lay out each record with several allocations. */
export interface ProduceRequest {
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;

function writeProduce({ acks, timeoutMs, topic, partition, batch }: ProduceRequest): Writer {
  const writer = Writer.create().appendString(null).appendInt16(acks).appendInt32(timeoutMs);
  return writer
    .appendArray([topic], (_, name) => {
      writer.appendString(name).appendArray([partition], (_, index) => {
        writer.appendInt32(index).appendBytes(batch);
      });
    })
    .appendTaggedFields();
}

export const produce = client.createAPI<[ProduceRequest], ReturnType<typeof client.produceV9.parseResponse>>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  writeProduce,
  client.produceV9.parseResponse,
);

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** The end of what every replica in sync has: the offset after it is the next to be read. */
  readonly endOffset: number;
  readonly startOffset: number;
  /** Set if what was read before is no longer in the log: where the log parts from it. */
  readonly divergesAt: number | undefined;
  readonly aborted: readonly AbortedTransaction[];
  /** Batches as they came. */
  readonly data: Buffer;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

const FETCH_KEY = 1;
const FETCH_VERSION = 12;
const EMPTY = Buffer.alloc(0);

/** Leaves the batches packed, which the client would unpack all at once, record by record. */
function readFetch(_correlationId: number, _key: number, _version: number, reader: Reader): FetchAnswer {
  reader.readInt32();
  const errorCode = reader.readInt16();
  reader.readInt32();
  const topics = reader.readArray((r) => {
    const topic = r.readString();
    return r.readArray((p) => readFetchedPartition(p, topic), true, false);
  });
  const partitions = topics.flat();
  freeCopied(reader.buffer.buffers, partitions);
  return { errorCode, partitions };
}

/**
 * Frees the pieces in which an answer came, once the connection has done with it: their records stand in a buffer of
 * their own. Left to the collector they are 10 MiB. A piece whose buffer holds more than it is not this answer's alone:
 * the first one may hold the answer before it, the last one the next, and the sockets of TLS share one buffer.
 */
function freeCopied(pieces: readonly Buffer[], partitions: readonly FetchedPartition[]): void {
  const inUse = new Set(partitions.map(({ data }) => data.buffer));
  const own = pieces.slice(0, -1).filter(({ buffer }) => !inUse.has(buffer));
  queueMicrotask(() => own.forEach(freeBuffer));
}

function readFetchedPartition(reader: Reader, topic: string): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const endOffset = Number(reader.readInt64());
  reader.readInt64();
  const startOffset = Number(reader.readInt64());
  const aborted = reader.readNullableArray((r) => ({
    producerId: r.readInt64(),
    firstOffset: Number(r.readInt64()),
  }));
  reader.readInt32();
  const data = reader.readNullableBytes() ?? EMPTY;
  const divergesAt = readDivergence(reader);
  return { topic, partition, errorCode, endOffset, startOffset, divergesAt, aborted: aborted ?? [], data };
}

/** The tagged field 0 of a partition: an epoch and the offset at which it ended. */
function readDivergence(reader: Reader): number | undefined {
  let divergesAt: number | undefined;
  for (let left = reader.readUnsignedVarInt(); left > 0; left--) {
    const tag = reader.readUnsignedVarInt();
    const next = reader.readUnsignedVarInt() + reader.position;
    if (tag === 0) {
      reader.readInt32();
      divergesAt = Number(reader.readInt64());
    }
    reader.position = next;
  }
  return divergesAt;
}

export const fetchRecords: API<Parameters<typeof client.fetchV12.createRequest>, FetchAnswer> = client.createAPI(
  FETCH_KEY,
  FETCH_VERSION,
  client.fetchV12.createRequest,
  readFetch,
);
