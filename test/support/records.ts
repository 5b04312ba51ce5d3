import type { LogRecord } from '../../src/log/log.ts';
import { TYPE_HEADER } from '../../src/log/log.ts';

/** When the first of the test's events happened. */
export const START = Date.UTC(2026, 10, 22, 12);

const HEADERS = { [TYPE_HEADER]: 'select-color' };

/** The event that stands at an offset; the same one each time it is asked for. */
export function recordAt(offset: number): LogRecord {
  const timestamp = START + offset;
  const event = {
    id: `event-${offset}`,
    type: 'select-color',
    timestamp: new Date(timestamp).toISOString(),
    receivedAt: new Date(timestamp + 5).toISOString(),
    colorName: 'blue',
  };
  return { offset, timestamp, headers: HEADERS, value: Buffer.from(JSON.stringify(event)) };
}
