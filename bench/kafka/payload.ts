import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { RECORD_BYTES } from './messages.ts';

/** Enough that a value stands only once or twice in any stretch that a compressor looks back on. */
const VALUES = 50_000;
const COLORS = ['red', 'orange', 'yellow', 'green', 'blue', 'indigo', 'violet', 'black'];
const PAGES = 5_000;
const VERSIONS = 60;

/** Events as the collector writes them, all different and {@link RECORD_BYTES} long, one a line. */
export function payload(): string {
  return Array.from({ length: VALUES }, (_, n) => `${eventOf(n)}\n`).join('');
}

function eventOf(n: number): string {
  const at = new Date(Date.UTC(2026, 0, 1) + n * randomInt(1, 1_000)).toISOString();
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/${100 + randomInt(VERSIONS)}.0.0.0`;
  const event = {
    ...{ id: randomUUID(), type: 'select-color', timestamp: at, receivedAt: at, userAgent },
    ...{ userName: '', colorName: COLORS[randomInt(COLORS.length)], page: `/products/${randomInt(PAGES)}` },
  };
  const missing = RECORD_BYTES - JSON.stringify(event).length;
  const userName = randomBytes(missing).toString('hex').slice(0, missing);
  return JSON.stringify({ ...event, userName });
}
