export const JSON_EXTENSION = '.json';

export const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Whether a value can stand on a line of its own. Values are JSON already; this only notices what
 * would break the file for its readers, at a cost that the hot path can bear.
 */
export function isJsonLine(value: Uint8Array): boolean {
  return value[0] === OPENING_BRACE && value[value.length - 1] === CLOSING_BRACE && indexOf.call(value, NEWLINE) === -1;
}

/** Buffer's is `memchr`; that of Uint8Array is three times slower. */
const indexOf = Buffer.prototype.indexOf as (this: Uint8Array, byte: number) => number;
