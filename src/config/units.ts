/** Sizes and times as people write them. */

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `128MiB` → 134217728; a bare number is bytes. `undefined` for anything else. */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit = 'B'] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)?$/.exec(text) ?? [];
  const factor = BYTE_UNITS[unit];
  return digits === undefined || factor === undefined ? undefined : Math.round(Number(digits) * factor);
}

/** `250ms`, `10m` → milliseconds. A bare number has no meaning, except 0. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?(ms|[smhd])$/.exec(text) ?? [];
  const factor = TIME_UNITS[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** The shortest way to write a number of bytes: 134217728 → `128MiB`. */
export function formatBytes(bytes: number): string {
  return format(bytes, ['TiB', 'GiB', 'MiB', 'KiB', 'B'], BYTE_UNITS);
}

/** About so many bytes, never more than there are, for a person to read: 1300000 → `1.2MiB`. */
export function describeBytes(bytes: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find((name) => bytes >= BYTE_UNITS[name]!) ?? 'B';
  return `${Math.floor((bytes / BYTE_UNITS[unit]!) * 10) / 10}${unit}`;
}

/** The shortest way to write milliseconds: 600000 → `10m`. */
export function formatDuration(ms: number): string {
  return ms === 0 ? '0' : format(ms, ['d', 'h', 'm', 's', 'ms'], TIME_UNITS);
}

function format(value: number, units: readonly string[], factors: Readonly<Record<string, number>>): string {
  const unit = units.find((name) => value >= factors[name]! && value % factors[name]! === 0) ?? units.at(-1)!;
  return `${value / factors[unit]!}${unit}`;
}
