/**
 * Times as they stand in events: RFC 3339 in, RFC 3339 in UTC with milliseconds out. `Date.parse`
 * takes far more than RFC 3339 and differs between engines, hence a strict reader of our own.
 */

/** 9999-12-31T23:59:59.999Z: the last moment with a four-digit year. */
export const MAX_TIME = 253_402_300_799_999;

const MINUTE_MS = 60_000;
const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

const CODE_0 = 48;
const CODE_9 = 57;
/** Sets the bit that tells lower case from upper case in ASCII. */
const LOWER = 0x20;

/**
 * Reads an RFC 3339 date-time (`2026-11-22T12:00:00.123+09:00`); digits beyond milliseconds are
 * cut off. Returns milliseconds since the epoch, or `undefined` for anything else.
 */
export function parseTimestamp(text: string): number | undefined {
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0) return undefined;
  // RFC 3339, 5.6: second 60 is a leap second; it becomes the first moment of the next minute.
  if (month > 12 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60) return undefined;
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return undefined;
  if ((text.charCodeAt(10) | LOWER) !== 't'.charCodeAt(0)) return undefined;

  let at = 19;
  let milliseconds = 0;
  if (text[at] === '.') {
    const start = ++at;
    for (let weight = 100; isDigit(text.charCodeAt(at)); at++, weight = Math.floor(weight / 10)) {
      milliseconds += weight * (text.charCodeAt(at) - CODE_0);
    }
    if (at === start) return undefined;
  }
  const offset = offsetMinutes(text, at);
  if (offset === undefined) return undefined;
  const time = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds) - offset * MINUTE_MS;
  // Date.UTC reads the years 0 to 99 as 1900 to 1999.
  return year > 99 ? time : new Date(time).setUTCFullYear(year);
}

/** A time as an event may carry it: RFC 3339, or a number of milliseconds since the epoch. */
export function toTime(value: string | number): number | undefined {
  if (typeof value === 'string') return parseTimestamp(value);
  return value >= 0 && value <= MAX_TIME ? Math.trunc(value) : undefined;
}

let minuteOfPrefix = Number.NaN;
let prefix = '';

/** A time from 0 to MAX_TIME as `2026-11-22T12:00:00.123Z`. Times of one minute share the work of `Date`. */
export function formatTimestamp(time: number): string {
  const minute = Math.floor(time / MINUTE_MS);
  if (minute !== minuteOfPrefix) {
    prefix = new Date(minute * MINUTE_MS).toISOString().slice(0, 17);
    minuteOfPrefix = minute;
  }
  const rest = time - minute * MINUTE_MS;
  const second = Math.floor(rest / 1000);
  const millisecond = rest - second * 1000;
  const padding = millisecond < 10 ? '.00' : millisecond < 100 ? '.0' : '.';
  return `${prefix}${second < 10 ? '0' : ''}${second}${padding}${millisecond}Z`;
}

/** Digits as a number, or −1 if one of them is none. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at++) {
    const code = text.charCodeAt(at);
    if (!isDigit(code)) return -1;
    value = value * 10 + code - CODE_0;
  }
  return value;
}

function isDigit(code: number): boolean {
  return code >= CODE_0 && code <= CODE_9;
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && !leap ? 28 : DAYS_IN_MONTH[month - 1]!;
}

/** `Z` or `±hh:mm` that ends the text, as minutes. */
function offsetMinutes(text: string, at: number): number | undefined {
  if ((text.charCodeAt(at) | LOWER) === 'z'.charCodeAt(0)) return text.length === at + 1 ? 0 : undefined;
  const sign = text[at] === '+' ? 1 : text[at] === '-' ? -1 : 0;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  if (sign === 0 || text.length !== at + 6 || text[at + 3] !== ':') return undefined;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  return sign * (hours * 60 + minutes);
}
