/**
 * What the records of connectors mean. A record has the key `<kind>/<name>/<id>`, and of each key
 * only the last may be left, as compaction of the topic makes it.
 *
 * - A connector begins with a record of its own, which is not written again until it ends, and so
 *   keeps its place. Of those under one name that have not ended the first is the connector.
 * - Its changes stand under other keys with its id; the last of each counts.
 * - It ends with an empty record under its first key.
 *
 * So everything follows from the order of the beginnings and from the last record of each key,
 * and compaction changes neither: whoever reads what is left finds the same as whoever read along.
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
  | { readonly kind: 'restart'; readonly command: RestartCommand }
  | { readonly kind: 'topics'; readonly reached: Readonly<Record<string, number>> };

const KINDS = ['connector', 'config', 'target', 'restart', 'topics'] as const;
type Kind = (typeof KINDS)[number];

const KEY = /^(connector|config|target|restart|topics)\/([a-z0-9][a-z0-9-]{0,62})\/([A-Za-z0-9-]{1,64})$/;
const ENDED = new Uint8Array();

/** The record of a change; `at` in milliseconds since the epoch. */
export function toRecord(name: string, id: string, change: Change, at: number): NewRecord {
  const { kind, ...content } = change;
  const body = kind === 'connector' ? withoutName(change.connector) : content;
  return { timestamp: at, key: keyOf(kind, name, id), value: Buffer.from(JSON.stringify(body)) };
}

/** The records that end connectors of a name. */
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
  /** By name, all that have not ended by their ids, in the order of their beginnings. */
  readonly #begun = new Map<string, Map<string, StoredConnector>>();

  get all(): ReadonlyMap<string, StoredConnector> {
    return this.#connectors;
  }

  /** All ids under a name: whoever ends a connector ends those that lost against it, which would follow it else. */
  idsOf(name: string): readonly string[] {
    return [...(this.#begun.get(name)?.keys() ?? [])];
  }

  /** Takes the next record; says whether it was one of a connector at all. */
  apply({ key, value, offset }: LogRecord): boolean {
    const [, kind, name, id] = KEY.exec(Buffer.from(key ?? ENDED).toString('latin1')) ?? [];
    if (kind === undefined || name === undefined || id === undefined) return false;
    const begun = this.#begun.get(name) ?? new Map<string, StoredConnector>();
    if (value.length === 0) {
      if (kind === 'connector') begun.delete(id);
    } else {
      const content = parse(value);
      const before = begun.get(id);
      const changed = content && changedBy(kind as Kind, content, offset);
      if (!changed) return false;
      if (kind === 'connector') begun.set(id, { ...changed, name, id } as StoredConnector);
      else if (before) begun.set(id, { ...before, ...changed });
    }
    this.#choose(name, begun);
    return true;
  }

  #choose(name: string, begun: Map<string, StoredConnector>): void {
    const [first] = begun.values();
    if (first) {
      this.#begun.set(name, begun);
      this.#connectors.set(name, first);
    } else {
      this.#begun.delete(name);
      this.#connectors.delete(name);
    }
  }
}

type Content = Readonly<Record<string, unknown>>;

function changedBy(
  kind: Kind,
  { config, target, command, reached }: Content,
  offset: number,
): Partial<StoredConnector> | undefined {
  if (kind === 'connector') return isFlatConfig(config) && isTarget(target) ? { config, target } : undefined;
  if (kind === 'config') return isFlatConfig(config) ? { config } : undefined;
  if (kind === 'target') return isTarget(target) ? { target } : undefined;
  if (kind === 'topics') return isCounts(reached) ? { topicsReset: reached } : undefined;
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

function isCounts(value: unknown): value is Readonly<Record<string, number>> {
  return isObject(value) && Object.values(value).every((one) => Number.isSafeInteger(one));
}

function isTarget(value: unknown): value is TargetState {
  return (TARGET_STATES as readonly unknown[]).includes(value);
}
