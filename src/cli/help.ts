import type { Command, Option } from './command.ts';
import { COMMON_OPTIONS } from './command.ts';

export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Events from web pages into files and search stores, without touching the site that sends them.',
    '',
    'Usage: millrace COMMAND [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'millrace COMMAND --help says more; millrace --version says which this is.',
    'Exit codes: 0 good, 1 found something or failed, 2 usage or configuration, 3 not reachable.',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const positionals = command.positionals ? ` ${command.positionals}` : '';
  return [
    `Usage: millrace ${command.name}${positionals} [options]`,
    '',
    `${command.summary}.${command.details ? `\n${command.details}` : ''}`,
    '',
    ...optionLines({ ...command.options, ...COMMON_OPTIONS }),
  ].join('\n');
}

function optionLines(options: Readonly<Record<string, Option>>): string[] {
  const rows = Object.entries(options).map(([name, { short, value, description }]) => {
    const words = `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
    return { words, description };
  });
  const width = Math.max(...rows.map(({ words }) => words.length));
  return rows.map(({ words, description }) => `  ${words.padEnd(width)}  ${description}`);
}
