import type { Call, Command } from './command.ts';
import { cliErrors, EXIT } from './command.ts';
import { printable } from './output.ts';
import type { Target } from './target.ts';
import { openTarget } from './target.ts';
import { timeOption } from './time-option.ts';

/** How many dead letters a list shows when it is not told. */
const DEFAULT_LIMIT = 20;
const MOST = 1000;

export const deadletters: Command = {
  name: 'deadletters',
  summary: 'List, show, replay or purge what was refused',
  positionals: 'list|show ID|replay CONNECTOR [ID…]|purge NAME',
  mostPositionals: 100,
  options: {
    of: { type: 'string', value: 'NAME', description: 'list: only those of this connector, or of "collector"' },
    limit: { type: 'string', short: 'n', value: 'N', description: `list: the newest N (default ${DEFAULT_LIMIT})` },
    code: { type: 'string', value: 'CODE', description: 'list: only those refused with this code' },
    text: { type: 'string', value: 'TEXT', description: 'list: only those with this in their reason or payload' },
    from: { type: 'string', value: 'TIME', description: 'list: only those refused then or later' },
    to: { type: 'string', value: 'TIME', description: 'list: only those refused before' },
    before: { type: 'string', value: 'TIME', description: 'purge: only those refused before' },
  },
  details: [
    'replay gives a connector its dead letters once more: all that were not replayed yet, or those named.',
    'purge drops those of a connector, or of "collector", for good; "millrace verify" then finds their records missing.',
    'Asks the running program, else opens the data itself. Exit code 1 if the one asked for is not there.',
  ].join('\n'),
  async run(call) {
    const [action = 'list', ...words] = call.positionals;
    const work = { list, show, replay, purge }[action];
    if (!work)
      throw cliErrors.USAGE(`millrace deadletters: write "list", "show ID", "replay CONNECTOR" or "purge NAME".`);
    const target = await openTarget(call.loadValid());
    try {
      return await work(call, target, words);
    } finally {
      await target.close();
    }
  },
};

async function list({ values, output }: Call, target: Target): Promise<number> {
  const limit = Number(values['limit'] ?? DEFAULT_LIMIT);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MOST)
    throw cliErrors.USAGE(`--limit takes a number from 1 to ${MOST}.`);
  const found = await target.deadLetters.list({
    limit,
    ...textOf(values, 'of', 'refusedBy'),
    ...textOf(values, 'code', 'code'),
    ...textOf(values, 'text', 'text'),
    ...timeOf(values, 'from'),
    ...timeOf(values, 'to'),
  });
  if (output.json) output.value(found);
  else
    output.table(
      ['ID', 'WHEN', 'CODE', 'REASON'],
      found.map(({ id, at, code, reason }) => [id, new Date(at).toISOString(), code, reason]),
    );
  return EXIT.good;
}

async function show({ output }: Call, target: Target, [id]: readonly string[]): Promise<number> {
  if (id === undefined) throw cliErrors.USAGE('millrace deadletters show: name the ID of one.');
  const letter = await target.deadLetters.show(id);
  if (!letter) {
    output.note(`There is no dead letter ${printable(id)}.`);
    return EXIT.failed;
  }
  if (output.json) output.value(letter);
  else
    for (const [name, value] of Object.entries(letter))
      output.line(`${name}: ${printable(typeof value === 'string' ? value : JSON.stringify(value))}`);
  return EXIT.good;
}

async function replay({ output }: Call, target: Target, [connector, ...ids]: readonly string[]): Promise<number> {
  if (connector === undefined) throw cliErrors.USAGE('millrace deadletters replay: name the connector.');
  const replayed = await target.deadLetters.replay({ refusedBy: connector, ...(ids.length > 0 ? { ids } : {}) });
  const missing = ids.length > 0 ? new Set(ids).size - replayed : 0;
  if (output.json) output.value({ replayed });
  else output.line(`On their way to ${connector} again: ${replayed}.`);
  if (missing > 0) output.note(`Not found among the dead letters of ${connector}: ${missing}.`);
  return missing > 0 ? EXIT.failed : EXIT.good;
}

async function purge({ output, values }: Call, target: Target, [name]: readonly string[]): Promise<number> {
  if (name === undefined) throw cliErrors.USAGE('millrace deadletters purge: name the connector, or "collector".');
  const purged = await target.deadLetters.purge({ refusedBy: name, ...timeOf(values, 'before') });
  if (output.json) output.value({ purged });
  else output.line(`Dropped: ${purged}.`);
  return EXIT.good;
}

type Values = Call['values'];

function textOf<Name extends string>(values: Values, option: string, name: Name): { readonly [K in Name]?: string } {
  const given = values[option];
  return typeof given === 'string' ? ({ [name]: given } as { [K in Name]: string }) : {};
}

function timeOf<Name extends string>(values: Values, name: Name): { readonly [K in Name]?: number } {
  const given = values[name];
  return typeof given === 'string' ? ({ [name]: timeOption(name, given) } as { [K in Name]: number }) : {};
}
