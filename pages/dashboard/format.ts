import { currentLanguage } from './words.ts';

/** A count or a rate: `1,234`, `0.5`, `1.2M`. */
export function formatNumber(value: number): string {
  const large = Math.abs(value) >= 1_000_000;
  const maximumFractionDigits = large || (value < 10 && !Number.isInteger(value)) ? 1 : 0;
  const options = { maximumFractionDigits, ...(large ? { notation: 'compact' as const } : {}) };
  return new Intl.NumberFormat(currentLanguage(), options).format(value);
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${formatNumber(Math.round((bytes / 1024 ** power) * 10) / 10)} ${units[power]}`;
}

export function formatTime(time: number | string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'short', timeStyle: 'medium' }).format(date);
}

const DAY_S = 86_400;
const MINUTE_S = 60;

/** A time on an axis whose ticks stand `step` seconds apart. */
export function formatTick(seconds: number, step: number): string {
  const day = { month: 'numeric', day: 'numeric' } as const;
  const minute = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const options = step >= DAY_S ? day : step >= MINUTE_S ? minute : { ...minute, second: '2-digit' as const };
  return new Intl.DateTimeFormat(currentLanguage(), options).format(seconds * 1_000);
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** A length of time by its largest unit: `3 hours`. */
export function formatDuration(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? (['second', 1_000] as const);
  const options = { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(currentLanguage(), options).format(Math.floor(ms / size));
}
