import { operationsErrors } from './errors.ts';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(Z|[+ -]\d{2}:\d{2})$/i;
/** The last millisecond that a JavaScript date has. */
const LAST_TIME = 8.64e15;

/** RFC 3339 or milliseconds since the epoch; `name` is the parameter's, for the refusal. */
export function parseTime(name: string, text: string): number {
  const time = /^\d{1,16}$/.test(text) ? Number(text) : parseTimestamp(text);
  if (time >= 0 && time <= LAST_TIME) return time;
  throw operationsErrors.REQUEST_INVALID(`${name} is neither RFC 3339 nor milliseconds since the epoch.`);
}

function parseTimestamp(text: string): number {
  const [, date, time, zone] = RFC_3339.exec(text) ?? [];
  // In a query string a bare "+" is a space.
  return date ? Date.parse(`${date}T${time}${zone?.toUpperCase().replace(' ', '+')}`) : Number.NaN;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Widths of buckets that people read easily, in milliseconds. */
const INTERVALS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];
const WANTED_BUCKETS = 120;
/** What the stores promise to answer at most. */
const MOST_BUCKETS = 1_000;

/** The narrowest of the usual widths that gives at most 120 buckets. */
export function chooseInterval(from: number, to: number): number {
  const fits = (interval: number) => bucketsOf(from, to, interval) <= WANTED_BUCKETS;
  return INTERVALS.find(fits) ?? Math.ceil((to - from) / (WANTED_BUCKETS - 1) / DAY) * DAY;
}

export function checkInterval(from: number, to: number, interval: number): void {
  if (bucketsOf(from, to, interval) <= MOST_BUCKETS) return;
  throw operationsErrors.REQUEST_INVALID(`The interval gives more than ${MOST_BUCKETS} buckets.`);
}

/** Buckets begin at multiples of their width, so a range may touch one more than it spans. */
function bucketsOf(from: number, to: number, interval: number): number {
  return Math.ceil(to / interval) - Math.floor(from / interval);
}
