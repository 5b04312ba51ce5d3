import { defineErrors } from './errors.ts';
import type { LoggerOptions } from './logger.ts';
import { WEIGHT_OF } from './logger.ts';

export const logLevelErrors = defineErrors({
  LOGGER_UNKNOWN: { decision: 'refuse', help: 'See the names of the loggers in GET /admin/loggers.' },
});

/** The levels that people set at run time, by the least weight of a line; the names are those of log4j. */
const THRESHOLDS = {
  OFF: 70,
  FATAL: 60,
  ERROR: WEIGHT_OF.error,
  WARN: WEIGHT_OF.warn,
  INFO: WEIGHT_OF.info,
  DEBUG: WEIGHT_OF.debug,
  TRACE: 10,
  ALL: 0,
} as const;
export type Threshold = keyof typeof THRESHOLDS;

export function isThreshold(name: string): name is Threshold {
  return Object.hasOwn(THRESHOLDS, name);
}

export const ROOT_LOGGER = 'root';

/** A logger as it stands. */
export interface LoggerStanding {
  readonly level: Threshold;
  /** When it was last set, in milliseconds since the epoch; never, if it is as configured. */
  readonly lastModified?: number;
}

interface Cell extends LoggerStanding {
  readonly shared: SharedArrayBuffer;
}

/**
 * The levels of this process's loggers, which change while it runs. Loggers have names with points
 * between their parts; one stands above those whose names begin with its own, and `root` above all.
 */
export class LogLevels {
  readonly #format: LoggerOptions['format'];
  readonly #configured: LoggerOptions['level'];
  readonly #cells = new Map<string, Cell>();

  constructor({ level, format }: LoggerOptions) {
    this.#configured = level;
    this.#format = format;
    this.#cells.set(ROOT_LOGGER, cellAt({ level: level.toUpperCase() as Threshold }));
  }

  /** What a logger of this name is made with, in whichever thread; a new one begins at the level of the one above it. */
  optionsFor(name: string): LoggerOptions {
    let cell = this.#cells.get(name);
    if (!cell) {
      cell = cellAt({ level: this.#above(name).level });
      this.#cells.set(name, cell);
    }
    return { level: this.#configured, format: this.#format, threshold: cell.shared };
  }

  has(name: string): boolean {
    return this.#cells.has(name);
  }

  all(): Record<string, LoggerStanding> {
    const sorted = [...this.#cells].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, { shared: _, ...standing }]) => [name, standing]));
  }

  /** Sets a logger and those below it; returns the names of those that had another level. Throws LOGGER_UNKNOWN. */
  set(name: string, level: Threshold, at: number): string[] {
    if (!this.#cells.has(name)) {
      throw logLevelErrors.LOGGER_UNKNOWN(`Logger ${JSON.stringify(name.slice(0, 100))} not found`);
    }
    const set = [...this.#cells].filter(([one, cell]) => isBelow(one, name) && cell.level !== level);
    for (const [one, { shared }] of set) {
      write(shared, level);
      this.#cells.set(one, { shared, level, lastModified: at });
    }
    return set.map(([one]) => one).sort();
  }

  /** Of something that is there no more. */
  forget(name: string): void {
    this.#cells.delete(name);
  }

  #above(name: string): Cell {
    const above = name.slice(0, Math.max(name.lastIndexOf('.'), 0)) || ROOT_LOGGER;
    return this.#cells.get(above) ?? this.#above(above);
  }
}

function isBelow(name: string, above: string): boolean {
  return above === ROOT_LOGGER || name === above || name.startsWith(`${above}.`);
}

function cellAt(standing: LoggerStanding): Cell {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  write(shared, standing.level);
  return { ...standing, shared };
}

function write(shared: SharedArrayBuffer, level: Threshold): void {
  Atomics.store(new Int32Array(shared), 0, THRESHOLDS[level]);
}
