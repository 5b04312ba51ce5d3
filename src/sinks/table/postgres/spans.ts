/** Days and months as ranges of UUIDv7, whose first 48 bits are the milliseconds since the epoch (RFC 9562, 5.7). */

export type Every = 'day' | 'month';

/** A day or a month, in UTC. */
export interface Span {
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** The same, exclusive. */
  readonly to: number;
  /** The end of the partition's name: `p20261123`, `p202611`. */
  readonly suffix: string;
  /** Not after any UUIDv7 of the span, and after every earlier one. */
  readonly fromId: string;
  /** After every one of the span. */
  readonly toId: string;
}

const SUFFIX = /^p(\d{4})(\d{2})(\d{2})?$/;

/** The span of a moment with `around` more on either side of it, in order. */
export function spansAround(time: number, every: Every, around: number): Span[] {
  const date = new Date(time);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return Array.from({ length: 2 * around + 1 }, (_, i) =>
    every === 'day' ? dayOf(year, month, day + i - around) : monthOf(year, month + i - around),
  );
}

/** The span that the end of a name stands for, if it is one of ours. */
export function spanOfSuffix(suffix: string): Span | undefined {
  const [, year, month, day] = SUFFIX.exec(suffix) ?? [];
  if (year === undefined) return undefined;
  const span =
    day === undefined ? monthOf(Number(year), Number(month) - 1) : dayOf(Number(year), Number(month) - 1, Number(day));
  return span.suffix === suffix ? span : undefined;
}

function dayOf(year: number, month: number, day: number): Span {
  return span(Date.UTC(year, month, day), Date.UTC(year, month, day + 1), 'yyyymmdd'.length);
}

function monthOf(year: number, month: number): Span {
  return span(Date.UTC(year, month), Date.UTC(year, month + 1), 'yyyymm'.length);
}

function span(from: number, to: number, digits: number): Span {
  const suffix = `p${new Date(from).toISOString().replaceAll('-', '').slice(0, digits)}`;
  return { from, to, suffix, fromId: firstId(from), toId: firstId(to) };
}

/** What the UUIDv7 of this millisecond begin with. */
function firstId(time: number): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
