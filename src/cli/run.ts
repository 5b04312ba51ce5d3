import { parseArgs } from 'node:util';
import type { LoadedConfiguration } from '../app/configuration.ts';
import { configurationErrors, loadConfiguration } from '../app/configuration.ts';
import { VERSION } from '../app/version.ts';
import type { Setting } from '../config/read.ts';
import { MillraceError } from '../support/errors.ts';
import type { Call, Command } from './command.ts';
import { COMMON_OPTIONS, cliErrors, EXIT } from './command.ts';
import { commands } from './commands.ts';
import { commandHelp, programHelp } from './help.ts';
import type { Streams } from './output.ts';
import { Output, processStreams } from './output.ts';

/** What the command line needs of the process; a test gives its own. */
export interface Surroundings {
  readonly streams: Streams;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly signal: AbortSignal;
}

/** Runs one command and resolves to the exit code. Nothing thrown leaves it unsaid. */
export async function runCommandLine(words: readonly string[], given?: Surroundings): Promise<number> {
  const surroundings = given ?? ofThisProcess();
  const output = new Output(surroundings.streams, words.includes('--json'));
  try {
    return await run(words, surroundings, output);
  } catch (error) {
    output.failure(error);
    return exitCodeOf(error);
  }
}

async function run(words: readonly string[], surroundings: Surroundings, output: Output): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const about = commands.find((one) => one.name === rest[0]);
    if (name === 'help' && rest[0] !== undefined && !about) throw noCommand(rest[0]);
    output.line(about ? commandHelp(about) : programHelp(commands));
    return name === undefined ? EXIT.usage : EXIT.good;
  }
  if (name === '--version' || name === '-v') {
    output.line(VERSION);
    return EXIT.good;
  }
  const command = commands.find((one) => one.name === name);
  if (!command) throw name.startsWith('-') ? cliErrors.USAGE('Options come after the command.') : noCommand(name);
  const { values, positionals } = parse(command, rest);
  if (values['help'] === true) {
    output.line(commandHelp(command));
    return EXIT.good;
  }
  const load = () =>
    loadConfiguration({
      file: values['config'] as string | undefined,
      settings: parseSettings(values['set'] as string[] | undefined),
      environment: surroundings.environment,
      workingDirectory: surroundings.workingDirectory,
    });
  return command.run({
    positionals,
    values,
    output,
    signal: surroundings.signal,
    load,
    loadValid: () => valid(load(), output),
  });
}

function noCommand(name: string): Error {
  return cliErrors.USAGE(`There is no command ${JSON.stringify(name)}.`);
}

function parse(command: Command, words: readonly string[]): Pick<Call, 'values' | 'positionals'> {
  const options = { ...command.options, ...COMMON_OPTIONS };
  try {
    const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
    if (positionals.length > (command.mostPositionals ?? 0)) {
      throw new Error(`"${positionals.at(command.mostPositionals ?? 0)}" is one word too many`);
    }
    return { values, positionals };
  } catch (error) {
    // Node's own sentence goes on with advice about positional arguments that no command here has a use for.
    const [sentence] = (error as Error).message.split('. ');
    throw cliErrors.USAGE(`millrace ${command.name}: ${sentence}.`);
  }
}

function parseSettings(given: readonly string[] = []): Setting[] {
  return given.map((setting) => {
    const [, path, value] = /^([^=\s]+)=(.*)$/s.exec(setting) ?? [];
    if (path === undefined || value === undefined) {
      throw cliErrors.USAGE('--set takes PATH=VALUE, such as collector.listen=127.0.0.1:9090.');
    }
    return { path, value };
  });
}

function valid(loaded: LoadedConfiguration, output: Output): LoadedConfiguration {
  if (loaded.faults.length === 0) return loaded;
  printFaults(loaded, output);
  const many = loaded.faults.length === 1 ? 'a fault' : `${loaded.faults.length} faults`;
  throw configurationErrors.CONFIG_INVALID(`The configuration has ${many}.`);
}

/** Each fault as `file:line: message`, which editors and terminals make clickable. */
export function printFaults({ file, faults }: LoadedConfiguration, output: Output): void {
  for (const { line, message, path } of faults) {
    if (output.json) output.value({ path, line, message });
    else output.note(`${file ?? 'configuration'}${line === undefined ? '' : `:${line}`}: ${message}`);
  }
}

/** Calls that no waiting will mend, and by which nothing was done. */
const USAGE_CODES = ['USAGE', 'NEEDS_KAFKA', 'REPLAY_WOULD_DOUBLE'];

function exitCodeOf(error: unknown): number {
  if (!(error instanceof MillraceError)) return EXIT.failed;
  if (USAGE_CODES.includes(error.code) || error.code.startsWith('CONFIG_')) return EXIT.usage;
  // A log or a store that may answer next time.
  return error.decision === 'retry' ? EXIT.unreachable : EXIT.failed;
}

/** A signal that comes twice at once is one: a terminal sends Ctrl-C to npm and to us, and npm passes it on. */
const ONE_SIGNAL_MS = 1_000;

/** The first signal asks for an orderly end; a later one gets the system's usual, immediate one. */
function ofThisProcess(): Surroundings {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) return;
    stop.abort(signal);
    setTimeout(() => {
      for (const one of signals) process.off(one, onSignal);
    }, ONE_SIGNAL_MS).unref();
  };
  for (const signal of signals) process.on(signal, onSignal);
  // Whoever read the answers has gone, as `head` does: an end like Ctrl-C, and no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort(error);
  });
  return { streams: processStreams, environment: process.env, workingDirectory: process.cwd(), signal: stop.signal };
}
