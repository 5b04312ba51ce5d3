import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Totals } from './ledger.ts';

/** What a collector process writes down of its ledger, once a second and when it stops. */
export interface Checkpoint {
  readonly version: 1;
  readonly totals: Totals;
  /** No more events than this are accepted before the next checkpoint. */
  readonly ceiling: number;
  /** The process stopped in order, and nothing is uncertain. */
  readonly clean: boolean;
}

/** `undefined` if there is none that can be read. */
export function readCheckpoint(file: string): Checkpoint | undefined {
  try {
    const checkpoint = JSON.parse(readFileSync(file, 'utf8')) as Checkpoint;
    return checkpoint.version === 1 ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the file whole. Not fsynced: it has to outlive the process, and after a power cut it is an older one. */
export function writeCheckpoint(file: string, checkpoint: Checkpoint): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, JSON.stringify(checkpoint), { mode: 0o600 });
  renameSync(fresh, file);
}

/**
 * The totals to go on from. What the spool really holds is known; of everything else the last
 * checkpoint tells the least that was delivered, and its ceiling the most that was accepted. What
 * lies between was delivered or lost, nobody knows which: all of it counts as `dropped{crash}`,
 * which so is an upper bound, and the identity holds again.
 */
export function recover({ totals, ceiling, clean }: Checkpoint, spooled: number): Totals {
  const { delivered, deadLettered, dropped } = totals;
  const known = delivered + spooled + deadLettered + Object.values(dropped).reduce((sum, events) => sum + events, 0);
  // A spool that holds more than the ceiling allows belongs to an older checkpoint, after a power cut.
  const accepted = Math.max(clean ? totals.accepted : ceiling, known);
  const crash = (dropped['crash'] ?? 0) + accepted - known;
  return {
    ...{ accepted, delivered, buffered: 0, spooled, deadLettered },
    dropped: crash === 0 ? dropped : { ...dropped, crash },
  };
}
