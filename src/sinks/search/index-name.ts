import { toTime } from '../../event/time.ts';

/**
 * Which index an event goes to. Ids are unique within one index only, so whatever chooses it must
 * be the same for every copy of an event: never the corrected `timestamp`, which differs with
 * each request, if there is something better.
 */
const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const IN_BRACES = /\{([^}]*)\}/g;

/** What an index is chosen by; times in milliseconds since the epoch. */
export interface Chosen {
  readonly id: string;
  /** As the client sent it: RFC 3339, or milliseconds. */
  readonly sentTimestamp: unknown;
  /** The event's time. */
  readonly timestamp: number;
  /** When it was taken in. */
  readonly receivedAt: number;
}

/** The time that every copy of an event shares: of its UUIDv7, else the client's own, else the event's. */
export function sharedTime({ id, sentTimestamp, timestamp }: Chosen): number {
  return timeOfId(id) ?? timeSent(sentTimestamp) ?? timestamp;
}

/** Names of indices after a pattern such as `web-events-{yyyy.MM.dd}`. */
export class IndexNames {
  /** All of them, as a search asks for them. */
  readonly all: string;
  readonly #parts: readonly ((time: Date) => string)[];
  readonly #late: string;
  readonly #lateMs: number;
  readonly #fixed: string | undefined;
  readonly #names = new Map<number, string>();

  /** @param lateMs how far an event's time may lie from when it was received to have an index of its time */
  constructor(pattern: string, lateMs: number) {
    this.#fixed = hasTime(pattern) ? undefined : pattern;
    this.all = pattern.replaceAll(/\{[^}]*\}.*$/g, '*');
    this.#late = this.#fixed ?? `${this.all.slice(0, -1)}late`;
    this.#lateMs = lateMs;
    this.#parts = partsOf(pattern);
  }

  of(event: Chosen): string {
    return this.#fixed ?? this.#near(sharedTime(event), event.receivedAt);
  }

  /**
   * The index that a copy of the event stands in if it was received a day earlier or later, where
   * that is another one. A copy that was sent again as it crossed the bound is found there.
   */
  alsoIn(event: Chosen): string | undefined {
    if (this.#fixed) return undefined;
    const time = sharedTime(event);
    const here = this.#near(time, event.receivedAt);
    return [-DAY_MS, DAY_MS].map((away) => this.#near(time, event.receivedAt + away)).find((name) => name !== here);
  }

  #near(time: number, receivedAt: number): string {
    return Math.abs(time - receivedAt) > this.#lateMs ? this.#late : this.#at(time);
  }

  #at(time: number): string {
    const hour = Math.floor(time / HOUR_MS);
    let name = this.#names.get(hour);
    if (name === undefined) {
      const date = new Date(hour * HOUR_MS);
      name = this.#parts.map((part) => part(date)).join('');
      if (this.#names.size >= KEPT_NAMES) this.#names.clear();
      this.#names.set(hour, name);
    }
    return name;
  }
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Names made once an hour; more hours than this are not met at once. */
const KEPT_NAMES = 1_000;

export function hasTime(pattern: string): boolean {
  return pattern.includes('{');
}

function partsOf(pattern: string): ((time: Date) => string)[] {
  const parts: ((time: Date) => string)[] = [];
  let end = 0;
  for (const match of pattern.matchAll(IN_BRACES)) {
    const before = pattern.slice(end, match.index);
    parts.push(() => before, formatter(match[1] ?? ''));
    end = match.index + match[0].length;
  }
  const rest = pattern.slice(end);
  parts.push(() => rest);
  return parts;
}

function formatter(format: string): (time: Date) => string {
  return (time) =>
    format
      .replace('yyyy', String(time.getUTCFullYear()).padStart(4, '0'))
      .replace('MM', two(time.getUTCMonth() + 1))
      .replace('dd', two(time.getUTCDate()))
      .replace('HH', two(time.getUTCHours()));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** RFC 9562, 5.7: the first 48 bits are milliseconds since the epoch. */
function timeOfId(id: string): number | undefined {
  const match = UUID_V7.exec(id);
  return match ? Number.parseInt(`${match[1]}${match[2]}`, 16) : undefined;
}

function timeSent(sent: unknown): number | undefined {
  if (typeof sent !== 'string' && typeof sent !== 'number') return undefined;
  return toTime(sent);
}
