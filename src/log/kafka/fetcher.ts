import { Backoff } from '../../support/backoff.ts';
import { MillraceError, messageOf } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import type { Position, RecordBatch, TopicPartition } from '../log.ts';
import { partitionName } from '../log.ts';
import * as apis from './apis.ts';
import { BatchReader, lastOf } from './batch.ts';
import type { Cluster, Connections, Leader } from './cluster.ts';
import { RETRY } from './cluster.ts';
import { check, errorOf, NO_ERROR, OFFSET_OUT_OF_RANGE } from './errors.ts';
import { FETCH_BYTES, fetchRequest } from './fetch.ts';
import { EARLIEST, LATEST, Offsets } from './offsets.ts';
import { unpack } from './reader.ts';

/** How long a broker may wait for records; the default of Kafka's own clients. */
const MAX_WAIT_MS = 500;

/**
 * Connections to each broker, of which each carries one question. A broker answers those of one
 * connection one by one, so that partitions with nothing to read would hold up the others.
 */
const LANES = 3;

/** Most packed bytes that a consumer holds, shared by its partitions, besides one batch of each. */
const BUFFER_BYTES = 16 * 1024 * 1024;

/** What a partition may hold even when there are many: less makes many small questions. */
const MIN_PARTITION_BYTES = 64 * 1024;

/** What the fetcher tells its consumer. */
export interface FetcherEvents {
  /** There is more to take. */
  arrived(): void;
  /** A topic was made anew under its name: positions in the old one mean nothing. */
  replaced(): void;
  /** Nothing more will come. */
  failed(error: unknown): void;
}

/** A partition that is read, from its assignment to its end: assigned again it is another one. */
interface Track extends TopicPartition {
  readonly topicId: string | undefined;
  /** The next offset to hand out. */
  position: number;
  /** The next offset to ask for: after all that is buffered. */
  next: number;
  lastEpoch: number;
  endOffset: number;
  readonly buffered: BatchReader[];
  /** The question under way, or a search for a position; what another one brings is too late. */
  pending: object | undefined;
  live: boolean;
  paused: boolean;
  /** An offset at which a batch was broken when it came first. */
  brokenAt: number | undefined;
  /** Of a position beyond the end of the log: since when it was found there, and how long to wait for more. */
  beyond: { readonly since: number; readonly backoff: Backoff } | undefined;
}

/** A partition from when it is added to when it is removed or replaced. */
export type Reading = TopicPartition;

/** Reads ahead in the partitions of a consumer, within bounds, and hands out what it has. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #events: FetcherEvents;
  readonly #lanes: readonly Connections[];
  readonly #offsets: Offsets;
  readonly #tracks = new Map<string, Track>();
  /** Lanes in use, as `lane/node`. */
  readonly #busy = new Set<string>();
  readonly #backoff = new Backoff(RETRY);
  #refreshing = false;
  #closed = false;
  #lastServed = 0;

  constructor(cluster: Cluster, events: FetcherEvents) {
    this.#cluster = cluster;
    this.#events = events;
    this.#lanes = Array.from({ length: LANES }, () => cluster.connections());
    this.#offsets = new Offsets(cluster, this.#lanes[0]!);
  }

  /** Begins to read ahead; nothing is handed out before {@link start}. */
  add({ topic, partition, offset, leaderEpoch = apis.NO_EPOCH }: Position, topicId: string | undefined): Reading {
    const track: Track = {
      topic,
      partition,
      topicId,
      position: offset,
      next: offset,
      lastEpoch: leaderEpoch,
      endOffset: offset,
      buffered: [],
      pending: undefined,
      live: false,
      paused: false,
      brokenAt: undefined,
      beyond: undefined,
    };
    this.#tracks.set(partitionName(track), track);
    this.#pump();
    return track;
  }

  /** Those of the partitions that are read, as they are read now. */
  readings(partitions: readonly TopicPartition[]): Reading[] {
    return partitions.flatMap((partition) => this.#tracks.get(partitionName(partition)) ?? []);
  }

  /** Whether it goes on: neither removed nor replaced. */
  holds(reading: Reading): boolean {
    return this.#tracks.get(partitionName(reading)) === reading;
  }

  start(reading: Reading): void {
    (reading as Track).live = true;
  }

  stop(reading: Reading): void {
    (reading as Track).live = false;
  }

  stopAll(): void {
    for (const track of this.#tracks.values()) track.live = false;
  }

  /** Ends it, if it goes on. */
  remove(reading: Reading): void {
    if (this.holds(reading)) this.#tracks.delete(partitionName(reading));
  }

  pause(partition: TopicPartition, paused: boolean): void {
    const track = this.#tracks.get(partitionName(partition));
    if (track) track.paused = paused;
  }

  /** Whether the partition is here to be moved. */
  seek(partition: TopicPartition, offset: number): boolean {
    const track = this.#tracks.get(partitionName(partition));
    if (!track) return false;
    this.#move(track, offset);
    this.#pump();
    return true;
  }

  /** What can be handed out now. Partitions take turns at being first, so that none starves another. */
  take(maxBytes: number): RecordBatch[] {
    const all = [...this.#tracks.values()];
    const batches: RecordBatch[] = [];
    let bytes = 0;
    const first = this.#lastServed;
    for (let turn = 1; turn <= all.length && bytes < maxBytes; turn++) {
      const index = (first + turn) % all.length;
      const track = all[index]!;
      if (!track.live || track.paused) continue;
      const batch = this.#takeOf(track, maxBytes - bytes, batches.length > 0);
      if (!batch) continue;
      batches.push(batch);
      bytes += batch.bytes;
      this.#lastServed = index;
    }
    if (batches.length > 0) this.#pump();
    return batches;
  }

  close(): void {
    this.#closed = true;
    this.#tracks.clear();
    for (const lane of this.#lanes) lane.close();
  }

  #takeOf(track: Track, maxBytes: number, hasOthers: boolean): RecordBatch | undefined {
    const { topic, partition } = track;
    while (track.buffered.length > 0) {
      const reader = track.buffered[0]!;
      try {
        const { records, bytes, nextOffset, leaderEpoch, free } = unpack(reader, maxBytes);
        if (!reader.hasMore) track.buffered.shift();
        track.position = nextOffset;
        track.brokenAt = undefined;
        if (records.length > 0) {
          return { topic, partition, records, bytes, endOffset: track.endOffset, leaderEpoch, free };
        }
        free();
      } catch (error) {
        const again = track.brokenAt === track.position;
        // What was read before must be handed out; the next take meets the error again.
        if (again && !hasOthers) throw error;
        track.brokenAt = track.position;
        this.#cluster.logger.warn({ topic, partition, error: messageOf(error) }, 'a batch is broken; it is read again');
        this.#move(track, track.position);
        this.#pump();
        return undefined;
      }
    }
    return undefined;
  }

  /** Asks for more wherever there is room for it and a lane to ask by. */
  #pump(): void {
    if (this.#closed) return;
    const room = Math.max(MIN_PARTITION_BYTES, Math.min(FETCH_BYTES, BUFFER_BYTES / this.#tracks.size));
    const wanting = [...this.#tracks.values()].filter((track) => !track.pending && bufferedBytes(track) < room);
    const byNode = new Map<number, Track[]>();
    for (const track of wanting) {
      const leader = this.#cluster.leaderOf(track);
      const known = this.#cluster.topic(track.topic);
      if (known && track.topicId !== undefined && known.id !== track.topicId) {
        this.#events.replaced();
        return;
      }
      if (!leader) this.#refreshSoon();
      else byNode.set(leader.node, [...(byNode.get(leader.node) ?? []), track]);
    }
    for (const [node, tracks] of byNode) {
      const lane = this.#lanes.findIndex((_, index) => !this.#busy.has(`${index}/${node}`));
      if (lane >= 0) void this.#fetch(lane, node, tracks, Math.floor(room));
    }
  }

  async #fetch(lane: number, node: number, tracks: readonly Track[], maxBytes: number): Promise<void> {
    const name = `${lane}/${node}`;
    const question = {};
    for (const track of tracks) track.pending = question;
    this.#busy.add(name);
    const from = tracks.map((track) => {
      const { topic, partition, next: offset, lastEpoch } = track;
      return { topic, partition, offset, lastEpoch, maxBytes, leader: this.#cluster.leaderOf(track) as Leader };
    });
    try {
      const timeoutMs = MAX_WAIT_MS + this.#cluster.config.requestTimeout / 2;
      const request = fetchRequest(from, MAX_WAIT_MS);
      const answer = await this.#lanes[lane]!.request(node, timeoutMs, apis.fetchRecords, ...request);
      check(answer.errorCode, 'fetch');
      const partitions = new Map(answer.partitions.map((fetched) => [partitionName(fetched), fetched]));
      for (const track of tracks) {
        const fetched = partitions.get(partitionName(track));
        if (fetched && this.holds(track) && track.pending === question) this.#receive(track, fetched);
      }
    } catch (error) {
      if (!this.#closed) this.#failed(error);
    } finally {
      this.#busy.delete(name);
      for (const track of tracks) if (track.pending === question) track.pending = undefined;
      // After a failure the leaders are asked for first.
      if (!this.#refreshing) this.#pump();
    }
  }

  #receive(track: Track, fetched: apis.FetchedPartition): void {
    if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
      void this.#findPlace(track);
      return;
    }
    if (fetched.errorCode !== NO_ERROR) {
      this.#failed(errorOf(fetched.errorCode, `fetch ${partitionName(track)}`));
      return;
    }
    this.#backoff.reset();
    track.beyond = undefined;
    track.endOffset = Math.max(fetched.endOffset, track.position);
    if (fetched.divergesAt !== undefined) {
      const { topic, partition } = track;
      const offset = Math.min(track.position, fetched.divergesAt);
      this.#cluster.logger.error(
        { topic, partition, offset },
        'Kafka has lost records that had been read; it goes on there',
      );
      this.#move(track, offset);
      return;
    }
    const last = lastOf(fetched.data);
    if (!last) return;
    track.buffered.push(new BatchReader(fetched.data, track.next, fetched.aborted));
    track.next = Math.max(track.next, last.offset + 1);
    track.lastEpoch = last.epoch;
    if (track.live && !track.paused) this.#events.arrived();
  }

  /** Where to go on from a position that the log does not have. */
  async #findPlace(track: Track): Promise<void> {
    const search = {};
    track.pending = search;
    const { topic, partition } = track;
    try {
      const [starts, ends] = await Promise.all([
        this.#offsets.find([track], EARLIEST),
        this.#offsets.find([track], LATEST),
      ]);
      if (track.pending !== search || !this.holds(track)) return;
      const [start, end] = [starts[0]!, ends[0]!];
      const { next: offset } = track;
      if (offset < start) {
        this.#cluster.logger.warn(
          { topic, partition, from: offset, to: start },
          'Kafka has removed records that were to be read',
        );
        this.#move(track, start);
      } else if (offset > end) {
        await this.#waitBeyond(track, end);
      } else if (track.lastEpoch !== apis.NO_EPOCH) {
        this.#cluster.logger.error(
          { topic, partition, offset },
          'Kafka does not know the leader any more that wrote what was read; it goes on at the same offset',
        );
        track.lastEpoch = apis.NO_EPOCH;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      if (track.pending === search) track.pending = undefined;
      if (!this.#refreshing) this.#pump();
    }
  }

  /** A leader that is behind catches up, for which there is as much time as for an answer; all else needs a person. */
  async #waitBeyond(track: Track, end: number): Promise<void> {
    const { clock, config, logger, closed } = this.#cluster;
    const { topic, partition, next: offset } = track;
    if (!track.beyond) {
      logger.warn({ topic, partition, offset, end }, 'the position is beyond the end of the log');
      track.beyond = { since: clock.monotonic(), backoff: new Backoff(RETRY) };
    }
    if (clock.monotonic() - track.beyond.since >= config.requestTimeout) {
      const what = `the position ${offset} of ${partitionName(track)} is beyond the end of the log, ${end}`;
      this.#events.failed(logErrors.POSITION_BEYOND_LOG(what));
      return;
    }
    await clock.sleep(track.beyond.backoff.next(), closed);
    this.#refreshSoon();
  }

  #failed(error: unknown): void {
    if (error instanceof MillraceError && error.code === 'NOT_AUTHORIZED') this.#events.failed(error);
    this.#cluster.logger.debug({ error: messageOf(error) }, 'a fetch failed; it is tried again');
    this.#refreshSoon();
  }

  /** Asks who leads the partitions now, then goes on. */
  #refreshSoon(): void {
    if (this.#refreshing || this.#closed) return;
    this.#refreshing = true;
    void (async () => {
      await this.#cluster.clock.sleep(this.#backoff.next(), this.#cluster.closed);
      const topics = new Set([...this.#tracks.values()].map(({ topic }) => topic));
      await this.#cluster.refresh([...topics]).catch(() => {});
      this.#refreshing = false;
      this.#pump();
    })();
  }

  #move(track: Track, offset: number): void {
    track.position = offset;
    track.next = offset;
    track.lastEpoch = apis.NO_EPOCH;
    track.buffered.length = 0;
    track.pending = undefined;
    track.beyond = undefined;
  }
}

function bufferedBytes({ buffered }: Track): number {
  return buffered.reduce((sum, reader) => sum + reader.remainingBytes, 0);
}
