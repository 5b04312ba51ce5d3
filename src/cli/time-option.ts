import { parseTimestamp } from '../event/time.ts';
import { cliErrors } from './command.ts';

/** The time that an option gives, in milliseconds since the epoch. Throws USAGE, also where it is left out. */
export function timeOption(name: string, given: unknown): number {
  const time = given === undefined ? undefined : parseTimestamp(String(given));
  if (time === undefined) throw cliErrors.USAGE(`--${name} takes a time such as 2026-11-22T12:00:00Z.`);
  return time;
}
