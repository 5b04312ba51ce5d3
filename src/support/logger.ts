import { pino } from 'pino';

/**
 * What the program says about itself, on standard error.
 * ERROR: data was lost or a person must act. WARN: something failed and was recovered from.
 * INFO: the life of the program. DEBUG: everything else.
 */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: Record<string, unknown>): Logger;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['auto', 'text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How a thread makes its logger; plain data, so that workers get the same one. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto`: text on a terminal, JSON lines elsewhere. */
  readonly format: LogFormat;
  /** Rules instead of `level`, and can be changed at any time: one Int32, the least weight of a line (WEIGHT_OF). */
  readonly threshold?: SharedArrayBuffer;
}

/** How much a line weighs; pino's numbers. */
export const WEIGHT_OF: Readonly<Record<LogLevel, number>> = { error: 50, warn: 40, info: 30, debug: 20 };

export function createLogger(options: LoggerOptions): Logger {
  const text = options.format === 'text' || (options.format === 'auto' && process.stderr.isTTY === true);
  const destination = pino.destination({ fd: 2, sync: true });
  const level = options.threshold ? 'debug' : options.level;
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = text
    ? pino(settings, { write: (line: string) => destination.write(`${toText(line)}\n`) })
    : pino({ ...settings, formatters: { level: (label) => ({ level: label }) } }, destination);
  return options.threshold ? withThreshold(logger, new Int32Array(options.threshold)) : logger;
}

/** The same, of which only lines that weigh enough by now are written. */
function withThreshold(logger: Logger, threshold: Int32Array): Logger {
  const gate = (level: LogLevel) => (fields: object, message: string) => {
    if (WEIGHT_OF[level] >= (threshold[0] ?? 0)) logger[level](fields, message);
  };
  return {
    error: gate('error'),
    warn: gate('warn'),
    info: gate('info'),
    debug: gate('debug'),
    child: (fields) => withThreshold(logger.child(fields), threshold),
  };
}

/** Says nothing: for tests and for commands that answer on standard output. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
};

const LEVEL_NAMES: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR' };

/** A JSON line as a person reads it. Values stay JSON, so that no control character gets through. */
function toText(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  if (err !== undefined) fields['error'] = (err as { message?: string }).message ?? err;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const clock = String(time).slice(11, 19);
  return `${clock} ${LEVEL_NAMES[Number(level)] ?? 'info'} ${String(msg)}${rest.join('')}`;
}
