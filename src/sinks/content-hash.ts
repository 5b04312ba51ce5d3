import { hash } from 'node:crypto';
import { CHANGES_ON_RETRY } from './row.ts';

type Json = Readonly<Record<string, unknown>>;

/** Enough that two different events of one id are not taken for one. */
const HASH_CHARACTERS = 22;

/** What tells an event from another one of its id: the same for every copy, whatever the order of its fields. */
export function contentHash(event: Json): string {
  const own = Object.fromEntries(Object.entries(event).filter(([name]) => !CHANGES_ON_RETRY.includes(name)));
  return hash('sha256', JSON.stringify(sorted(own)), 'base64url').slice(0, HASH_CHARACTERS);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, sorted(inner)] as const);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
