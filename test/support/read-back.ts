import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readBack } from '../../src/sinks/files/read-files.ts';
import { LocalFileStore } from '../../src/sinks/files/stores/local.ts';

/** Longest time to read a store back. */
const READ_MS = 600_000;

/** How often each id stands in a store, read from the store itself. */
export type Copies = ReadonlyMap<string, number>;

export async function idsInFiles(data: string): Promise<Copies> {
  const copies = new Map<string, number>();
  const store = new LocalFileStore(path.join(data, 'files'));
  for await (const line of readBack(store, AbortSignal.timeout(READ_MS))) {
    count(copies, (JSON.parse(line.toString()) as { id: string }).id);
  }
  return copies;
}

export function idsInTable(data: string): Copies {
  const database = new DatabaseSync(path.join(data, 'search.db'), { readOnly: true });
  const copies = new Map<string, number>();
  for (const { id } of database.prepare('SELECT id FROM event').iterate()) count(copies, String(id));
  database.close();
  return copies;
}

function count(copies: Map<string, number>, id: string): void {
  copies.set(id, (copies.get(id) ?? 0) + 1);
}

export interface Comparison {
  /** Acknowledged ids that the store does not have. */
  readonly lost: number;
  /** Ids that stand more than once. */
  readonly doubled: number;
  /** Ids that were never sent. */
  readonly unexpected: number;
  readonly stored: number;
}

export function compare(acknowledged: ReadonlySet<string>, sent: ReadonlySet<string>, copies: Copies): Comparison {
  return {
    lost: [...acknowledged].filter((id) => !copies.has(id)).length,
    doubled: [...copies.values()].filter((n) => n > 1).length,
    unexpected: [...copies.keys()].filter((id) => !sent.has(id)).length,
    stored: copies.size,
  };
}

/** How many of the ids at least one of the stores lacks. */
export function missingIn(ids: ReadonlySet<string>, stores: readonly Copies[]): number {
  return [...ids].filter((id) => stores.some((store) => !store.has(id))).length;
}

/** How many copies a store has beyond those in the log: records that it stored more than once. */
export function copiesBeyond(store: Copies, log: Copies): number {
  return [...store].reduce((sum, [id, copies]) => sum + Math.max(0, copies - (log.get(id) ?? 0)), 0);
}
