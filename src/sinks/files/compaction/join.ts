import path from 'node:path';
import { joinedFileName } from '../paths.ts';
import type { Joining } from '../stores/file-store.ts';
import type { Merge, Part } from './merge.ts';

/**
 * Plans to join all parts to the first one, under a name that tells so; undefined where it is plain
 * that the store will refuse. Nothing is changed before the manifest is published, and from then on
 * each record stands in one file: the first file is renamed in one step, and each of the others is
 * gone in the step that puts it behind that one.
 *
 * A request of this plan that arrives when the plan is over does nothing: the first file is no
 * longer where it stood, the others are gone, and no name is used twice. Those that the store
 * refuses stay, and nobody takes them for another merge, so that they may be joined at any time.
 */
export async function planJoin(
  joining: Joining,
  parts: readonly Part[],
  number: number,
  signal: AbortSignal,
): Promise<Merge | undefined> {
  const [head, last] = [parts[0]!.file, parts.at(-1)!];
  const [temporary = '', ...sources] = parts.map(({ file }) => file.path);
  const storeId = await joining.headOf([temporary, ...sources], signal);
  if (storeId === undefined) return undefined;
  const { from, first } = head;
  const { to } = last.file;
  const joined = {
    temporary,
    final: `${path.posix.dirname(temporary)}/${joinedFileName(head, { to, number })}`,
    length: parts.reduce((sum, { measure }) => sum + measure.length, 0),
    checksum: last.measure.checksum,
    storeId,
    records: parts.reduce((sum, { measure }) => sum + measure.records, 0),
    first,
    last: null,
  };
  return { from, to, files: [joined], sources, joined: true };
}
