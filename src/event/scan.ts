/**
 * A look at JSON bytes before they are parsed: where values end and how deeply they nest. It
 * knows strings and brackets and nothing else; whatever else is wrong, JSON.parse finds. Up to
 * the first fault in the text both see the same nesting, so that a depth found here bounds the
 * parser's.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LINE_FEED = 0x0a;

/** A value's place in the bytes. */
export interface Extent {
  readonly start: number;
  /** The index after its last byte. */
  readonly end: number;
  /** How many levels of arrays and objects it has: 0 for a string or number. */
  readonly depth: number;
  /** Whether all it opened is closed. */
  readonly closed: boolean;
}

/** The value that starts at `start`: up to its own closing bracket, or to a comma or bracket that ends it. */
export function extentOfValue(bytes: Uint8Array, start: number, limit: number): Extent {
  let depth = 0;
  let deepest = 0;
  let at = start;
  for (; at < limit; at++) {
    switch (bytes[at]) {
      case QUOTE:
        at = closingQuote(bytes, at + 1, limit);
        if (at === limit) return { start, end: limit, depth: deepest, closed: false };
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > deepest) deepest = depth;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        if (depth === 0) return { start, end: at, depth: deepest, closed: true };
        if (--depth === 0) return { start, end: at + 1, depth: deepest, closed: true };
        break;
      case COMMA:
        if (depth === 0) return { start, end: at, depth: deepest, closed: true };
        break;
    }
  }
  return { start, end: limit, depth: deepest, closed: depth === 0 };
}

/**
 * The elements of the array that opens at `start`, `most` at most, or `undefined` if it does not
 * end where the bytes end. `truncated` says that there are more.
 */
export function elementsOfArray(
  bytes: Uint8Array,
  start: number,
  limit: number,
  most: number,
): { readonly elements: readonly Extent[]; readonly truncated: boolean } | undefined {
  const elements: Extent[] = [];
  let at = skipSpace(bytes, start + 1, limit);
  if (bytes[at] === CLOSE_ARRAY && at < limit) {
    return skipSpace(bytes, at + 1, limit) === limit ? { elements, truncated: false } : undefined;
  }
  while (at < limit) {
    if (elements.length === most) return { elements, truncated: true };
    const element = extentOfValue(bytes, at, limit);
    if (!element.closed) return undefined;
    elements.push(element);
    at = skipSpace(bytes, element.end, limit);
    if (at >= limit) return undefined;
    if (bytes[at] === CLOSE_ARRAY) {
      return skipSpace(bytes, at + 1, limit) === limit ? { elements, truncated: false } : undefined;
    }
    if (bytes[at] !== COMMA) return undefined;
    at = skipSpace(bytes, at + 1, limit);
  }
  return undefined;
}

/** The lines that are not blank, `most` at most. */
export function lines(
  bytes: Uint8Array,
  most: number,
): { readonly elements: readonly Extent[]; readonly truncated: boolean } {
  const elements: Extent[] = [];
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from);
    const end = found === -1 ? bytes.length : found;
    const start = skipSpace(bytes, from, end);
    if (start < end) {
      if (elements.length === most) return { elements, truncated: true };
      const { depth, closed } = extentOfValue(bytes, start, end);
      elements.push({ start, end, depth, closed });
    }
    from = end + 1;
  }
  return { elements, truncated: false };
}

/** The index of the first byte from `at` on that is no JSON white space, or `limit`. */
export function skipSpace(bytes: Uint8Array, at: number, limit: number): number {
  let index = at;
  while (index < limit && isSpace(bytes[index]!)) index++;
  return index;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09;
}

/** The index of the quote that ends a string, or `limit`. */
function closingQuote(bytes: Uint8Array, from: number, limit: number): number {
  for (let at = from; at < limit; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return limit;
}
