import type { LoadedConfiguration } from '../app/configuration.ts';
import { defineErrors } from '../support/errors.ts';
import type { Output } from './output.ts';

/** What the program answers to whoever started it. */
export const EXIT = {
  good: 0,
  /** It found something, or failed. */
  failed: 1,
  /** The call or the configuration is wrong; nothing was done. */
  usage: 2,
  /** What it needs can't be reached. */
  unreachable: 3,
} as const;

export const cliErrors = defineErrors({
  USAGE: { decision: 'refuse', help: 'See "millrace --help", or "millrace COMMAND --help".' },
  NEEDS_KAFKA: {
    decision: 'refuse',
    help: 'The embedded log belongs to one process: run "millrace up", which collects and loads in one.',
  },
  LOG_BUSY: {
    decision: 'retry',
    help: 'The embedded log belongs to one process: stop Millrace, and call this again.',
  },
  CONNECTOR_UNUSABLE: {
    decision: 'refuse',
    help: 'Call this where the connector runs: with its configuration of "connect", its variables and its secrets.',
  },
  NOT_REACHABLE: {
    decision: 'retry',
    help: 'Start Millrace with "millrace up", or name its configuration with --config.',
  },
});

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given several times; its value is then a list. */
  readonly multiple?: true;
  /** What stands for the value in the help, such as `TIME`. */
  readonly value?: string;
  readonly description: string;
}

/** One command: help, usage errors and the call itself come from this one object. */
export interface Command {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Words after the name, such as `[topic]`. */
  readonly positionals?: string;
  readonly mostPositionals?: number;
  readonly options?: Readonly<Record<string, Option>>;
  /** More for `--help`, in plain sentences. */
  readonly details?: string;
  /** Resolves to an exit code. */
  run(call: Call): Promise<number>;
}

/** A command as it was called. */
export interface Call {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly output: Output;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Reads the configuration that `--config` and the environment name. */
  load(): LoadedConfiguration;
  /** The same, but throws CONFIG_INVALID after having printed every fault. */
  loadValid(): LoadedConfiguration;
}

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    description: 'The configuration; else MILLRACE_CONFIG, else ./millrace.yaml',
  },
  set: {
    type: 'string',
    multiple: true,
    value: 'PATH=VALUE',
    description: 'Set one field of the configuration, over what the file says; may be repeated',
  },
  json: { type: 'boolean', description: 'Answer with JSON, for machines' },
  help: { type: 'boolean', short: 'h', description: 'Say this and stop' },
};
