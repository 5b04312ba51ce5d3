/** Windows of event time: the events of a file happened within one of them. */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Zones differ from UTC, and change, by multiples of this: true of every rule in force since 1986. */
const ZONE_STEP_MS = 15 * MINUTE_MS;

/** More than a file sink with usual bounds ever asks for. */
const REMEMBERED_SLOTS = 4_096;

export interface Window {
  /** When it begins, in milliseconds since the epoch: no two windows begin at once. */
  readonly start: number;
  /**
   * The same on the wall clock of the zone, as if that were UTC. Two windows share it where the
   * clock is put back; their files then stand in one folder.
   */
  readonly local: number;
}

/**
 * Cuts time into windows that begin at the full hour of a zone's wall clock. Times are looked up
 * by slot: the number of the piece of time, counted from the epoch, in which no window begins but
 * at its start.
 */
export class Windows {
  /** Length of a slot in milliseconds. */
  readonly slotMs: number;
  /** Length of a window in milliseconds. */
  readonly windowMs: number;
  readonly #clock: Intl.DateTimeFormat | undefined;
  readonly #windows = new Map<number, Window>();

  /** `windowMs` must have passed `checkWindow`, `timezone` `checkTimezone`. */
  constructor(windowMs: number, timezone: string) {
    this.windowMs = windowMs;
    this.#clock = timezone === 'UTC' ? undefined : wallClock(timezone);
    this.slotMs = this.#clock ? commonDivisor(windowMs, ZONE_STEP_MS) : windowMs;
  }

  /** The window that a slot lies in. */
  of(slot: number): Window {
    const known = this.#windows.get(slot);
    if (known) return known;
    if (this.#windows.size === REMEMBERED_SLOTS) this.#windows.clear();
    const time = slot * this.slotMs;
    const offset = this.#clock ? offsetAt(this.#clock, time) : 0;
    const local = Math.floor((time + offset) / this.windowMs) * this.windowMs;
    const window = { start: local - offset, local };
    this.#windows.set(slot, window);
    return window;
  }
}

/** Whether windows of this length begin anew with every hour. */
export function checkWindow(windowMs: number): boolean {
  return windowMs % MINUTE_MS === 0 && HOUR_MS % windowMs === 0;
}

/** Whether it is the name of a time zone, such as `Europe/Berlin`; `+02:00` is none. */
export function checkTimezone(timezone: string): boolean {
  try {
    wallClock(timezone);
    return /^[A-Za-z]/.test(timezone);
  } catch {
    return false;
  }
}

function wallClock(timeZone: string): Intl.DateTimeFormat {
  const numeric = 'numeric';
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
  });
}

/** What the wall clock is ahead of UTC, in milliseconds, at a full minute. */
function offsetAt(clock: Intl.DateTimeFormat, time: number): number {
  const fields = new Map(clock.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = (
    ['year', 'month', 'day', 'hour', 'minute'] as const
  ).map((field) => fields.get(field));
  return Date.UTC(year, month - 1, day, hour, minute) - time;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
