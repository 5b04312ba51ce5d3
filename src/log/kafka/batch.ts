/**
 * Record batches, as Kafka stores and sends them (format 2).
 * Source: https://kafka.apache.org/documentation/#recordbatch
 */
import { freeBuffer } from '../../support/free-buffer.ts';
import { logErrors } from '../errors.ts';
import type { Headers, LogRecord, NewRecord } from '../log.ts';
import { crc32c } from './client.ts';
import { codecById } from './compression.ts';

/** The head of a batch, up to its first record. */
export const BATCH_HEAD_BYTES = 61;

/** Bytes of a batch before those that its own length counts. */
const LENGTH_END = 12;

const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const MAGIC = 2;

const CODEC_MASK = 0b111;
const LOG_APPEND_TIME = 0b1000;
const TRANSACTIONAL = 0b10000;
const CONTROL = 0b100000;

/** The type of a control record that ends a transaction as if it had never been. */
const ABORT_MARKER = 0;

/** A number of 64 bits, seven at a time. */
const MAX_VARINT_BYTES = 10;

/** Most bytes of a record beside key, value and headers: seven numbers of variable length. */
const RECORD_HEAD_BYTES = 40;

/** Who sent a batch, and its place among that sender's batches; without idempotence nobody. */
export interface Sequence {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly first: number;
}

const NO_SEQUENCE: Sequence = { producerId: -1n, epoch: -1, first: -1 };

/** Records as they stand in a batch, before its head is known. */
export interface EncodedRecords {
  readonly count: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  /** With room for the head of the batch before the records. */
  readonly buffer: Buffer;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How large records are, at most: exact but for text in headers, which counts as if it were all Korean. */
export interface Measure {
  readonly bytes: number;
  readonly largest: number;
}

export function measure(records: readonly NewRecord[]): Measure {
  let bytes = 0;
  let largest = 0;
  let lastHeaders: Headers | undefined;
  let headerBytes = 0;
  for (const { key, value, headers } of records) {
    if (headers !== lastHeaders) {
      lastHeaders = headers;
      headerBytes = 0;
      for (const text of Object.entries(headers ?? {}).flat()) headerBytes += 3 * text.length + MAX_VARINT_BYTES;
    }
    const size = value.length + (key?.length ?? 0) + headerBytes;
    bytes += size;
    if (size > largest) largest = size;
  }
  return { bytes, largest };
}

/** Lays records one behind the other; `bytes` is what {@link measure} found. */
export function encodeRecords(records: readonly NewRecord[], bytes: number): EncodedRecords {
  const buffer = Buffer.allocUnsafeSlow(BATCH_HEAD_BYTES + bytes + records.length * RECORD_HEAD_BYTES);
  const firstTimestamp = records[0]!.timestamp;
  let maxTimestamp = firstTimestamp;
  let lastHeaders: Headers | undefined;
  let headers = encodeHeaders(undefined);
  let at = BATCH_HEAD_BYTES;
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    const { key, value } = record;
    if (record.headers !== lastHeaders) {
      lastHeaders = record.headers;
      headers = encodeHeaders(lastHeaders);
    }
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp;
    const delta = record.timestamp - firstTimestamp;
    const keyBytes = key === undefined ? 1 : varintSize(key.length) + key.length;
    const length =
      1 + varintSize(delta) + varintSize(index) + keyBytes + varintSize(value.length) + value.length + headers.length;
    at = writeVarint(buffer, at, length);
    buffer[at++] = 0;
    at = writeVarint(buffer, at, delta);
    at = writeVarint(buffer, at, index);
    at = key === undefined ? writeVarint(buffer, at, -1) : writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    buffer.set(headers, at);
    at += headers.length;
  }
  return { count: records.length, firstTimestamp, maxTimestamp, buffer: buffer.subarray(0, at) };
}

/** A whole batch: `body` is the records, compressed by the codec or as they are in `encoded.buffer`. */
export function encodeBatch(
  encoded: EncodedRecords,
  codec: number,
  body: Buffer,
  sequence: Sequence = NO_SEQUENCE,
): Buffer {
  const { count, firstTimestamp, maxTimestamp } = encoded;
  const batch = codec === 0 ? encoded.buffer : Buffer.allocUnsafeSlow(BATCH_HEAD_BYTES + body.length);
  if (codec !== 0) batch.set(body, BATCH_HEAD_BYTES);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_END, 8);
  batch.writeInt32BE(-1, LENGTH_END);
  batch.writeInt8(MAGIC, MAGIC_AT);
  batch.writeInt16BE(codec, ATTRIBUTES_AT);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(firstTimestamp), 27);
  batch.writeBigInt64BE(BigInt(maxTimestamp), 35);
  batch.writeBigInt64BE(sequence.producerId, 43);
  batch.writeInt16BE(sequence.epoch, 51);
  batch.writeInt32BE(sequence.first, 53);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
  return batch;
}

/** A transaction that was given up: its producer, and its first offset in the partition. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** The last offset of the whole batches in an answer, and the epoch of the leader that wrote it. */
export function lastOf(data: Buffer): { readonly offset: number; readonly epoch: number } | undefined {
  let last: { readonly offset: number; readonly epoch: number } | undefined;
  for (let at = 0; at + BATCH_HEAD_BYTES <= data.length; ) {
    const next = at + LENGTH_END + data.readInt32BE(at + 8);
    if (next > data.length || next <= at) break;
    const offset = Number(data.readBigInt64BE(at)) + data.readInt32BE(at + 23);
    last = { offset, epoch: data.readInt32BE(at + LENGTH_END) };
    at = next;
  }
  return last;
}

/** What a call of {@link BatchReader.take} gives. */
export interface Decoded {
  readonly records: LogRecord[];
  /** Key, value and header bytes. */
  readonly bytes: number;
  /** Of the leader that took them. */
  readonly leaderEpoch: number;
  /** Frees the keys and values, those that stand in the answer itself once all of its batches are freed. To be called once. */
  free(): void;
}

/** Reads the records of one answer batch by batch, so that only what is wanted now is unpacked. */
export class BatchReader {
  readonly #data: Buffer;
  readonly #aborted: AbortedTransaction[];
  readonly #givenUp = new Set<bigint>();
  #at = 0;
  /** Batches whose records may still be read. */
  #inUse = 0;
  /** The next offset that is wanted: whatever stands below it is left out. */
  #offset: number;

  constructor(data: Buffer, offset: number, aborted: readonly AbortedTransaction[] = []) {
    this.#data = data;
    this.#offset = offset;
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  get nextOffset(): number {
    return this.#offset;
  }

  /** Bytes that are still packed. */
  get remainingBytes(): number {
    return this.#data.length - this.#at;
  }

  /** Whether a whole batch is left; the last one of an answer may be cut off. */
  get hasMore(): boolean {
    if (this.remainingBytes < BATCH_HEAD_BYTES) return false;
    return this.remainingBytes >= LENGTH_END + this.#data.readInt32BE(this.#at + 8);
  }

  /** The records of the next batch, none if it holds nothing for us. Rejects LOG_CORRUPT. */
  take(): Decoded {
    const start = this.#at;
    const end = start + LENGTH_END + this.#data.readInt32BE(start + 8);
    const batch = this.#data.subarray(start, end);
    this.#at = end;
    if (batch[MAGIC_AT] !== MAGIC) throw logErrors.LOG_CORRUPT(`a batch has the unknown format ${batch[MAGIC_AT]}`);
    if (crc32c(batch.subarray(ATTRIBUTES_AT)) !== batch.readUInt32BE(CRC_AT)) {
      throw logErrors.LOG_CORRUPT('a batch does not match its checksum');
    }
    const baseOffset = Number(batch.readBigInt64BE(0));
    const nextOffset = baseOffset + batch.readInt32BE(23) + 1;
    const isHidden = this.#isHidden(batch, baseOffset);
    const body = isHidden ? batch : bodyOf(batch);
    const decoded = isHidden ? { records: [], bytes: 0 } : decodeBatch(batch, body, baseOffset, this.#offset);
    if (nextOffset > this.#offset) this.#offset = nextOffset;
    this.#inUse++;
    return { ...decoded, leaderEpoch: batch.readInt32BE(LENGTH_END), free: () => this.#free(body) };
  }

  #free(body: Buffer): void {
    freeBuffer(body);
    this.#inUse--;
    if (this.#inUse === 0 && !this.hasMore) freeBuffer(this.#data);
  }

  /** Batches of Kafka's own, and those of transactions that were given up. */
  #isHidden(batch: Buffer, baseOffset: number): boolean {
    const attributes = batch.readInt16BE(ATTRIBUTES_AT);
    if (!(attributes & TRANSACTIONAL)) return (attributes & CONTROL) !== 0;
    const producerId = batch.readBigInt64BE(43);
    while (this.#aborted[0] && this.#aborted[0].firstOffset <= baseOffset) {
      this.#givenUp.add(this.#aborted.shift()!.producerId);
    }
    if (attributes & CONTROL) {
      if (isAbortMarker(batch)) this.#givenUp.delete(producerId);
      return true;
    }
    return this.#givenUp.has(producerId);
  }
}

/** A control record's key is two numbers of 16 bits: a version and a type. */
function isAbortMarker(batch: Buffer): boolean {
  const cursor = new Cursor(batch, BATCH_HEAD_BYTES);
  cursor.varint();
  cursor.at++;
  cursor.varint();
  cursor.varint();
  const key = cursor.bytes();
  return key !== undefined && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER;
}

/** The records of a batch, unpacked: in memory of their own, or where they stand. */
function bodyOf(batch: Buffer): Buffer {
  const id = batch.readInt16BE(ATTRIBUTES_AT) & CODEC_MASK;
  const codec = codecById(id);
  if (!codec) throw logErrors.LOG_CORRUPT(`a batch has the unknown compression ${id}`);
  return codec.decompress(batch.subarray(BATCH_HEAD_BYTES));
}

function decodeBatch(
  batch: Buffer,
  body: Buffer,
  baseOffset: number,
  from: number,
): Pick<Decoded, 'records' | 'bytes'> {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  const firstTimestamp = Number(batch.readBigInt64BE(27));
  const appendTime = attributes & LOG_APPEND_TIME ? Number(batch.readBigInt64BE(35)) : undefined;
  const count = batch.readInt32BE(57);
  const records: LogRecord[] = [];
  const headersReader = new HeadersReader();
  const cursor = new Cursor(body, 0);
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at++;
    const timestamp = appendTime ?? firstTimestamp + cursor.varint();
    if (appendTime !== undefined) cursor.varint();
    const offset = baseOffset + cursor.varint();
    if (offset < from) {
      cursor.at = end;
      continue;
    }
    const key = cursor.bytes();
    const value = cursor.bytes() ?? EMPTY;
    if (end > body.length) throw logErrors.LOG_CORRUPT('a record is longer than its batch');
    const headers = headersReader.read(body, cursor.at, end);
    bytes += length;
    records.push(toRecord(offset, timestamp, value, key, headers));
    cursor.at = end;
  }
  return { records, bytes };
}

const EMPTY = Buffer.alloc(0);

/** Absent fields are left out, not undefined, so that a record equals the one that was sent. */
function toRecord(offset: number, timestamp: number, value: Buffer, key?: Buffer, headers?: Headers): LogRecord {
  if (key) return headers ? { offset, timestamp, value, key, headers } : { offset, timestamp, value, key };
  return headers ? { offset, timestamp, value, headers } : { offset, timestamp, value };
}

/** Most records of a batch have the headers of the one before: those share one object. */
class HeadersReader {
  #bytes: Buffer = EMPTY;
  #headers: Headers | undefined;

  read(body: Buffer, start: number, end: number): Headers | undefined {
    if (end - start === this.#bytes.length && this.#bytes.compare(body, start, end) === 0) return this.#headers;
    this.#bytes = body.subarray(start, end);
    this.#headers = decodeHeaders(this.#bytes);
    return this.#headers;
  }
}

function decodeHeaders(bytes: Buffer): Headers | undefined {
  const cursor = new Cursor(bytes, 0);
  const count = cursor.varint();
  if (count <= 0) return undefined;
  const entries: [string, string][] = [];
  for (let index = 0; index < count; index++) {
    const name = decoder.decode(cursor.bytes() ?? EMPTY);
    entries.push([name, decoder.decode(cursor.bytes() ?? EMPTY)]);
  }
  // fromEntries defines: a header that is called __proto__ is a header.
  return Object.fromEntries(entries);
}

function encodeHeaders(headers: Headers | undefined): Uint8Array {
  const entries = Object.entries(headers ?? {}).map((entry) => entry.map((text) => encoder.encode(text)));
  const buffer = Buffer.allocUnsafe(
    entries.flat().reduce((sum, text) => sum + text.length + MAX_VARINT_BYTES, MAX_VARINT_BYTES),
  );
  let at = writeVarint(buffer, 0, entries.length);
  for (const text of entries.flat()) at = writeBytes(buffer, at, text);
  return buffer.subarray(0, at);
}

/** Numbers that 32 bits hold after the sign has moved to the lowest bit. */
function isSmall(value: number): boolean {
  return value < 0x40000000 && value >= -0x40000000;
}

function varintSize(value: number): number {
  if (isSmall(value)) {
    const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x200000 ? 3 : zigzag < 0x10000000 ? 4 : 5;
  }
  let zigzag = toZigzag(value);
  let size = 1;
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) size++;
  return size;
}

/** Exact up to 2^52, and a time is less. */
function toZigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function writeVarint(buffer: Buffer, at: number, value: number): number {
  let next = at;
  if (isSmall(value)) {
    let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; zigzag >= 0x80; zigzag >>>= 7) buffer[next++] = (zigzag & 0x7f) | 0x80;
    buffer[next++] = zigzag;
    return next;
  }
  let zigzag = toZigzag(value);
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) buffer[next++] = (zigzag % 0x80) | 0x80;
  buffer[next++] = zigzag;
  return next;
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array): number {
  const next = writeVarint(buffer, at, bytes.length);
  buffer.set(bytes, next);
  return next + bytes.length;
}

class Cursor {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let size = 0; size < MAX_VARINT_BYTES; size++) {
      const byte = this.#data[this.at++];
      if (byte === undefined) throw logErrors.LOG_CORRUPT('a batch ends within a record');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 0x80;
    }
    throw logErrors.LOG_CORRUPT('a number in a record is too long');
  }

  /** `undefined` for null. */
  bytes(): Buffer | undefined {
    const length = this.varint();
    if (length < 0) return undefined;
    const start = this.at;
    this.at += length;
    if (this.at > this.#data.length) throw logErrors.LOG_CORRUPT('a batch ends within a record');
    return this.#data.subarray(start, this.at);
  }
}
