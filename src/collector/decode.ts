/**
 * From a body to the bytes of each event. Events are parsed one by one, so that a broken one
 * never fails its neighbours.
 */
import type { Extent } from '../event/scan.ts';
import { elementsOfArray, extentOfValue, lines, skipSpace } from '../event/scan.ts';
import type { RequestFault } from './errors.ts';

const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** How a body's bytes are to be read: as JSON of any form, or strictly one event a line. */
export type BodyFormat = 'json' | 'lines';

const FORMATS: Readonly<Record<string, BodyFormat>> = {
  'application/json': 'json',
  // What sendBeacon sends for a string, and the one way past a preflight.
  'text/plain': 'json',
  'application/x-ndjson': 'lines',
  'application/ndjson': 'lines',
};

const CONTENT_TYPE = /^([\w.+/-]+)\s*(?:;\s*(.*))?$/;
const FOREIGN_CHARSET = /(?:^|;\s*)charset\s*=\s*"?(?!utf-?8\b|us-ascii\b)/i;

/** The format that a content type stands for; without one, JSON. `undefined`: not taken. */
export function formatOf(contentType: string | undefined): BodyFormat | undefined {
  if (contentType === undefined) return 'json';
  const [, name = '', parameters = ''] = CONTENT_TYPE.exec(contentType.trim()) ?? [];
  if (FOREIGN_CHARSET.test(parameters)) return undefined;
  return Object.hasOwn(FORMATS, name.toLowerCase()) ? FORMATS[name.toLowerCase()] : undefined;
}

/** A body taken apart: where each of its events stands in `bytes`. */
export interface DecodedBody {
  /** Whether it is one event by itself, answered by itself, and not a batch. */
  readonly single: boolean;
  readonly bytes: Buffer;
  readonly events: readonly Extent[];
}

/** One event, an array of events, or one event a line. A byte order mark is skipped. */
export function decodeBody(
  body: Buffer,
  format: BodyFormat,
  batchEvents: number,
): DecodedBody | RequestFault | 'JSON_INVALID' {
  const marked = body.length >= 3 && body.compare(BYTE_ORDER_MARK, 0, 3, 0, 3) === 0;
  const bytes = marked ? body.subarray(3) : body;
  const start = skipSpace(bytes, 0, bytes.length);
  if (start === bytes.length) return 'BODY_EMPTY';
  if (format === 'json' && bytes[start] === OPEN_ARRAY) {
    return batchOf(bytes, elementsOfArray(bytes, start, bytes.length, batchEvents));
  }
  if (format === 'json') {
    const value = extentOfValue(bytes, start, bytes.length);
    // Anything but an object fails as a whole. An object that ends before the bytes do, or never
    // ends, may be the first of many lines.
    const ends = value.closed && skipSpace(bytes, value.end, bytes.length) === bytes.length;
    if (ends || bytes[start] !== OPEN_OBJECT) {
      return { single: true, bytes, events: [{ ...value, end: bytes.length }] };
    }
  }
  return batchOf(bytes, lines(bytes, batchEvents));
}

function batchOf(
  bytes: Buffer,
  found: { readonly elements: readonly Extent[]; readonly truncated: boolean } | undefined,
): DecodedBody | RequestFault | 'JSON_INVALID' {
  if (found === undefined) return 'JSON_INVALID';
  if (found.truncated) return 'BATCH_TOO_LONG';
  if (found.elements.length === 0) return 'BODY_EMPTY';
  return { single: false, bytes, events: found.elements };
}
