import { DEFAULT_TOPIC } from '../event/routing.ts';
import { parseTimestamp } from '../event/time.ts';
import type { TailedRecord, TailStart } from '../operations/sources.ts';
import type { Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { printable } from './output.ts';
import { openTarget } from './target.ts';

const FORMATS = ['value', 'full'] as const;
type Format = (typeof FORMATS)[number];

export const tail: Command = {
  name: 'tail',
  summary: 'Show events as they come',
  positionals: '[topic]',
  mostPositionals: 1,
  options: {
    from: {
      type: 'string',
      value: 'START',
      description: 'latest (default), earliest, or a time such as 2026-11-22T12:00:00Z',
    },
    format: {
      type: 'string',
      value: 'FORMAT',
      description: 'value (default): the event; full: with its place in the log',
    },
    limit: { type: 'string', short: 'n', value: 'N', description: 'Stop after N events' },
  },
  details: `Without a topic: ${DEFAULT_TOPIC}. Asks the running program, else reads the data itself.`,
  async run({ positionals, values, output, signal, loadValid }) {
    const from = parseStart(values['from']);
    const format = output.json ? 'full' : parseFormat(values['format']);
    const limit = parseLimit(values['limit']);
    const target = await openTarget(loadValid());
    try {
      let shown = 0;
      for await (const record of target.tail(positionals[0] ?? DEFAULT_TOPIC, from, signal)) {
        output.line(printable(show(record, format)));
        if (++shown >= limit) break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await target.close();
    }
    return EXIT.good;
  },
};

function show({ topic, partition, offset, timestamp, value }: TailedRecord, format: Format): string {
  const text = Buffer.from(value).toString('utf8');
  if (format === 'value') return text;
  return JSON.stringify({ topic, partition, offset, timestamp: new Date(timestamp).toISOString(), value: text });
}

function parseStart(given: unknown): TailStart {
  if (given === undefined || given === 'latest') return 'latest';
  if (given === 'earliest') return 'earliest';
  const time = parseTimestamp(String(given));
  if (time === undefined)
    throw cliErrors.USAGE('--from takes latest, earliest, or a time such as 2026-11-22T12:00:00Z.');
  return time;
}

function parseFormat(given: unknown): Format {
  const format = FORMATS.find((one) => one === (given ?? 'value'));
  if (!format) throw cliErrors.USAGE(`--format takes one of ${FORMATS.join(', ')}.`);
  return format;
}

function parseLimit(given: unknown): number {
  if (given === undefined) return Number.POSITIVE_INFINITY;
  const limit = Number(given);
  if (!Number.isSafeInteger(limit) || limit < 1) throw cliErrors.USAGE('--limit takes a whole number from 1 on.');
  return limit;
}
