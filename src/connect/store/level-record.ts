import type { LogRecord, NewRecord } from '../../log/log.ts';
import { isThreshold } from '../../support/log-levels.ts';
import type { LevelSetting } from './connector-store.ts';

/** Beside the keys of connectors; of each logger compaction leaves the last. */
const KEY = /^level\/([A-Za-z0-9.$_-]{1,200})$/;

/** Whether a logger of this name can be told of. */
export function isLoggerName(logger: string): boolean {
  return KEY.test(`level/${logger}`);
}

/** The record that tells all workers to set a logger; `at` in milliseconds since the epoch. */
export function toLevelRecord({ logger, level }: LevelSetting, at: number): NewRecord {
  return { timestamp: at, key: Buffer.from(`level/${logger}`), value: Buffer.from(JSON.stringify({ level })) };
}

/** What a record tells to set; `undefined` if it is none of these. */
export function toLevelSetting({ key, value }: Pick<LogRecord, 'key' | 'value'>): LevelSetting | undefined {
  const [, logger] = KEY.exec(Buffer.from(key ?? []).toString('latin1')) ?? [];
  if (logger === undefined) return undefined;
  try {
    const { level } = JSON.parse(Buffer.from(value).toString()) as { level?: unknown };
    return typeof level === 'string' && isThreshold(level) ? { logger, level } : undefined;
  } catch {
    return undefined;
  }
}
