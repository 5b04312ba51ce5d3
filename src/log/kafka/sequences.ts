import type { NewRecord, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import type { Sequence } from './batch.ts';
import type { API } from './connection.ts';
import {
  check,
  DUPLICATE_SEQUENCE_NUMBER,
  errorOf,
  INVALID_PRODUCER_EPOCH,
  NO_ERROR,
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  UNKNOWN_PRODUCER_ID,
} from './errors.ts';

/** Sequence numbers have 31 bits and start again at 0. */
const SEQUENCES = 2 ** 31;

/** Codes by which a broker says that it does not know the sequence: another one starts. */
const BROKEN: readonly number[] = [
  OUT_OF_ORDER_SEQUENCE_NUMBER,
  DUPLICATE_SEQUENCE_NUMBER,
  INVALID_PRODUCER_EPOCH,
  UNKNOWN_PRODUCER_ID,
];

/** What asks a broker: see `Connections`. */
interface Asking {
  request<A extends unknown[], R>(node: number, timeoutMs: number, api: API<A, R>, ...args: A): Promise<R>;
}

interface Lane {
  readonly producerId: bigint;
  readonly epoch: number;
  next: number;
  /** The batch that was sent last, while it is not known whether it was stored. */
  undecided: readonly NewRecord[] | undefined;
}

/**
 * The numbers by which a leader knows a batch that it has already stored. Each partition has a
 * producer id of its own, so that one whose sequence breaks does not end those of the others.
 *
 * A batch whose answer was lost keeps its number for as long as the same array of records is sent
 * again, also by a later send. Other records must not get that number: they start a new sequence.
 *
 * A broker that starts again forgets whoever sent nothing within `producer.id.expiration.ms` (a day)
 * and goes by the time of the records: events that are older than that can then come twice.
 */
export class Sequences {
  readonly #connections: Asking;
  readonly #lanes = new Map<string, Lane>();

  constructor(connections: Asking) {
    this.#connections = connections;
  }

  /** The sequence to send these records with; the leader `node` is asked for a producer id if need be. */
  async of(to: TopicPartition, records: readonly NewRecord[], node: number, timeoutMs: number): Promise<Sequence> {
    const name = partitionName(to);
    let lane = this.#lanes.get(name);
    if (!lane || (lane.undecided && lane.undecided !== records)) {
      const answer = await this.#connections.request(node, timeoutMs, apis.initProducerId, null, 0, -1n, -1);
      check(answer.errorCode, 'producer id');
      lane = { producerId: answer.producerId, epoch: answer.producerEpoch, next: 0, undecided: undefined };
      this.#lanes.set(name, lane);
    }
    lane.undecided = records;
    return { producerId: lane.producerId, epoch: lane.epoch, first: lane.next };
  }

  /** What became of the batch that was sent last. */
  answered(to: TopicPartition, code: number): void {
    const name = partitionName(to);
    const lane = this.#lanes.get(name);
    if (!lane?.undecided) return;
    if (BROKEN.includes(code)) {
      this.#lanes.delete(name);
    } else if (code === NO_ERROR) {
      lane.next = (lane.next + lane.undecided.length) % SEQUENCES;
      lane.undecided = undefined;
    } else if (errorOf(code, name).decision === 'dead-letter') {
      lane.undecided = undefined;
    }
  }
}
