/**
 * What the records of connectors mean. A record has the key `<kind>/<name>/<id>`, and of each key
 * only the last may be left, as compaction of the topic makes it. So whoever reads what is left
 * must find the same as whoever read along:
 *
 * - A connector begins with a record of its own, which is not written again until it ends, and so
 *   keeps its place. Of those under one name the first wins; the others count for nothing.
 * - Its changes stand under other keys with its id; the last of each counts.
 * - It ends with an empty record under its first key. Those that lost against it end in the same
 *   batch: who reads only what is left would else take one of them for the first.
 */

import type { LogRecord, NewRecord } from '../../log/log.ts';
import type { FlatConfig } from '../config/mapping.ts';
import type { NewConnector, RestartCommand, StoredConnector, TargetState } from './connector-store.ts';
import { TARGET_STATES } from './connector-store.ts';

/** A change of a connector, as its record says it. */
export type Change =
  | { readonly kind: 'connector'; readonly connector: NewConnector }
  | { readonly kind: 'config'; readonly config: FlatConfig }
  | { readonly kind: 'target'; readonly target: TargetState }
  | { readonly kind: 'restart'; readonly command: RestartCommand };

const KINDS = ['connector', 'config', 'target', 'restart'] as const;
type Kind = (typeof KINDS)[number];

const KEY = /^(connector|config|target|restart)\/([a-z0-9][a-z0-9-]{0,62})\/([A-Za-z0-9-]{1,64})$/;
const ENDED = new Uint8Array();

/** The record of a change; `at` in milliseconds since the epoch. */
export function toRecord(name: string, id: string, change: Change, at: number): NewRecord {
  const { kind, ...content } = change;
  const body = kind === 'connector' ? withoutName(change.connector) : content;
  return { timestamp: at, key: keyOf(kind, name, id), value: Buffer.from(JSON.stringify(body)) };
}

/** The records that end a connector, and all that lost against it, first those. */
export function toEnd(name: string, ids: readonly string[], at: number): NewRecord[] {
  return ids.flatMap((id) => KINDS.map((kind) => ({ timestamp: at, key: keyOf(kind, name, id), value: ENDED })));
}

function withoutName({ config, target }: NewConnector): object {
  return { config, target };
}

function keyOf(kind: Kind, name: string, id: string): Uint8Array {
  return Buffer.from(`${kind}/${name}/${id}`);
}

/** The connectors that there are after some records. */
export class ConnectorTable {
  readonly #connectors = new Map<string, StoredConnector>();
  /** By name, the ids that lost against the one that there is. */
  readonly #losers = new Map<string, Set<string>>();

  get all(): ReadonlyMap<string, StoredConnector> {
    return this.#connectors;
  }

  /** The ids to be ended with a connector, its own as the last. */
  idsOf(name: string): readonly string[] {
    const connector = this.#connectors.get(name);
    return [...(this.#losers.get(name) ?? []), ...(connector ? [connector.id] : [])];
  }

  /** Takes the next record; says whether it was one of a connector at all. */
  apply({ key, value, offset }: LogRecord): boolean {
    const [, kind, name, id] = KEY.exec(Buffer.from(key ?? ENDED).toString('latin1')) ?? [];
    if (kind === undefined || name === undefined || id === undefined) return false;
    if (value.length === 0) {
      if (kind === 'connector') this.#end(name, id);
      return true;
    }
    const content = parse(value);
    if (content === undefined) return false;
    if (kind === 'connector') return this.#begin(name, id, content);
    const connector = this.#connectors.get(name);
    const changed = changedBy(kind as Kind, content, offset);
    if (changed === undefined) return false;
    if (connector?.id === id) this.#connectors.set(name, { ...connector, ...changed });
    return true;
  }

  #begin(name: string, id: string, { config, target }: Content): boolean {
    if (!isFlatConfig(config) || !isTarget(target)) return false;
    const present = this.#connectors.get(name);
    if (!present) {
      this.#connectors.set(name, { name, id, config, target });
    } else if (present.id !== id) {
      const losers = this.#losers.get(name) ?? new Set();
      this.#losers.set(name, losers.add(id));
    }
    return true;
  }

  #end(name: string, id: string): void {
    this.#losers.get(name)?.delete(id);
    if (this.#losers.get(name)?.size === 0) this.#losers.delete(name);
    if (this.#connectors.get(name)?.id === id) this.#connectors.delete(name);
  }
}

type Content = Readonly<Record<string, unknown>>;

function changedBy(
  kind: Kind,
  { config, target, command }: Content,
  offset: number,
): Partial<StoredConnector> | undefined {
  if (kind === 'config') return isFlatConfig(config) ? { config } : undefined;
  if (kind === 'target') return isTarget(target) ? { target } : undefined;
  if (!isObject(command)) return undefined;
  const { includeTasks, onlyFailed } = command;
  if (typeof includeTasks !== 'boolean' || typeof onlyFailed !== 'boolean') return undefined;
  return { restart: { includeTasks, onlyFailed, number: offset } };
}

function parse(value: Uint8Array): Content | undefined {
  try {
    const content: unknown = JSON.parse(Buffer.from(value).toString());
    return isObject(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFlatConfig(value: unknown): value is FlatConfig {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string');
}

function isTarget(value: unknown): value is TargetState {
  return (TARGET_STATES as readonly unknown[]).includes(value);
}
