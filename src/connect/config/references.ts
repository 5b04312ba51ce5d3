import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../support/errors.ts';

/** Where values come from that a configuration only refers to, and where its paths may lead. */
export interface ReferenceSources {
  /** The text of an environment variable; `undefined` if it is not set. */
  environment(name: string): string | undefined;
  /** The text of a file. Throws an error whose message says why there is none. */
  file(name: string): string;
  /** The absolute path that a connector's store gets. Throws an error whose message says why it gets none. */
  store(connector: string, given: string): string;
  /** The absolute path of a file that may be read, likewise. */
  input(given: string): string;
}

/** What a text with references stands for, or why that is not known. */
export type Resolution = { readonly text: string } | { readonly fault: string };

/** Kafka's own form (KIP-297): `${provider:path}`. */
const REFERENCE = /\$\{(env|file):([^${}]{1,512})\}/g;

/** More than any key or certificate chain needs. */
const MOST_FILE_BYTES = 64 * 1024;

export function hasReference(text: string): boolean {
  return text.search(REFERENCE) >= 0;
}

/** Whether the text says nothing by itself: all of it is found elsewhere. */
export function isReferenceOnly(text: string): boolean {
  return text !== '' && text.replaceAll(REFERENCE, '') === '';
}

/** The text with every `${env:NAME}` and `${file:NAME}` replaced. The fault never holds what a reference stands for. */
export function resolveReferences(text: string, sources: ReferenceSources): Resolution {
  const faults: string[] = [];
  const resolved = text.replaceAll(REFERENCE, (whole, kind: string, name: string) => {
    if (kind === 'env') {
      const value = sources.environment(name);
      if (value === undefined) faults.push(`the environment variable ${name}, which is not set or may not be named`);
      return value ?? whole;
    }
    try {
      return sources.file(name);
    } catch (error) {
      faults.push(`the file ${name}, which can't be used: ${messageOf(error)}`);
      return whole;
    }
  });
  return faults.length === 0 ? { text: resolved } : { fault: `needs ${faults.join(', and ')}` };
}

export interface ProcessReferences {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names of the variables that may be named, `*` at an end for any that begin so; all if left out. */
  readonly variables?: readonly string[];
  /** Absolute path of the only folder whose files may be named; none may if left out. */
  readonly directory?: string | undefined;
  /** Absolute path of the only folder that stores on this machine may be in; none may if left out. */
  readonly stores?: string | undefined;
}

/**
 * The environment and two folders of this process. Whoever may make connectors must not thereby
 * read or write any file of the machine, so no name leads out of its folder, be it by a symbolic
 * link.
 */
export function processReferences({
  environment,
  variables = ['*'],
  directory,
  stores,
}: ProcessReferences): ReferenceSources {
  const mayBeNamed = (name: string) =>
    variables.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : name === one));
  const input = (name: string) => {
    if (directory === undefined) throw new Error('no folder for such files is configured');
    return fileWithin(directory, name);
  };
  return {
    environment: (name) => (mayBeNamed(name) ? environment[name] : undefined),
    file: (name) => readSmall(input(name)),
    input,
    store(connector, given) {
      if (stores === undefined) throw new Error('no folder for stores is configured');
      const place = path.resolve(stores, connector, given);
      if (!place.startsWith(stores + path.sep)) throw new Error(`it is not below ${stores}`);
      return place;
    },
  };
}

function fileWithin(directory: string, name: string): string {
  const root = realpathOf(directory);
  const file = realpathOf(path.resolve(root, name));
  if (!file.startsWith(root + path.sep)) throw new Error(`it is not below ${directory}`);
  if (!statSync(file).isFile()) throw new Error('it is not a file');
  return file;
}

function readSmall(file: string): string {
  if (statSync(file).size > MOST_FILE_BYTES) throw new Error(`it is larger than ${MOST_FILE_BYTES} bytes`);
  // Editors and `echo` end a file with a line break that is no part of the secret.
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
}

function realpathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    // Which part of a path is missing, or may not be looked at, is nobody's business.
    throw new Error('there is no such file');
  }
}
