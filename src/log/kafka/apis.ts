/**
 * The questions that are put to brokers, each in one version that all brokers from 3.1 to 4.x
 * answer. Source: https://kafka.apache.org/protocol
 */
import type { Reader } from '@platformatic/kafka';
import {
  createAPI,
  createTopicsV7,
  deleteRecordsV2,
  describeConfigsV4,
  describeGroupsV5,
  fetchV12,
  findCoordinatorV4,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV7,
  leaveGroupV4,
  listGroupsV4,
  listOffsetsV6,
  metadataV12,
  offsetCommitV8,
  offsetDeleteV0,
  offsetFetchV8,
  offsetForLeaderEpochV4,
  produceV9,
  syncGroupV5,
  Writer,
} from '@platformatic/kafka';
import type { AbortedTransaction } from './batch.ts';
import type { API } from './connection.ts';

export const createTopics = createTopicsV7.api;
export const deleteRecords = deleteRecordsV2.api;
export const describeConfigs = describeConfigsV4.api;
export const describeGroups = describeGroupsV5.api;
export const findCoordinator = findCoordinatorV4.api;
export const heartbeat = heartbeatV4.api;
export const initProducerId = initProducerIdV4.api;
export const joinGroup = joinGroupV7.api;
export const leaveGroup = leaveGroupV4.api;
export const listGroups = listGroupsV4.api;
export const listOffsets = listOffsetsV6.api;
export const metadata = metadataV12.api;
export const offsetCommit = offsetCommitV8.api;
export const offsetDelete = offsetDeleteV0.api;
export const offsetFetch = offsetFetchV8.api;
export const offsetForLeaderEpoch = offsetForLeaderEpochV4.api;
export const syncGroup = syncGroupV5.api;

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

export const produce = createAPI<[ProduceRequest], ReturnType<typeof produceV9.parseResponse>>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  writeProduce,
  produceV9.parseResponse,
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
  return { errorCode, partitions: topics.flat() };
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

export const fetchRecords: API<Parameters<typeof fetchV12.createRequest>, FetchAnswer> = createAPI(
  FETCH_KEY,
  FETCH_VERSION,
  fetchV12.createRequest,
  readFetch,
);
