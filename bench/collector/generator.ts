import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { OTHER_CORE, pinnedTo } from '../processes.ts';
import type { LoadOrder, LoadReport } from './messages.ts';

/** Runs one load from a core of its own; `look` is asked when its measuring begins and when it ends. */
export async function generateLoad<T>(
  order: LoadOrder,
  look: () => T | Promise<T>,
): Promise<{ readonly report: LoadReport; readonly before: T; readonly after: T }> {
  const generator = startScript('load.ts', OTHER_CORE);
  generator.send(order);
  await once(generator, 'message');
  const before = await look();
  await once(generator, 'message');
  const [after, [report]] = (await Promise.all([look(), once(generator, 'message')])) as [T, [LoadReport]];
  return { report, before, after };
}

/** Starts a script of this folder on one core, where the machine can do so; it is spoken to in messages. */
export function startScript(
  file: string,
  core: number,
  { flags = [], words = [] }: { readonly flags?: readonly string[]; readonly words?: readonly string[] } = {},
): ChildProcess {
  const pinned = pinnedTo(core);
  const [first = '', ...rest] = pinned;
  const before = spawnSync(first, [...rest, 'true']).status === 0 ? pinned : [];
  const [program = '', ...all] = [
    ...before,
    process.execPath,
    ...flags,
    path.join(import.meta.dirname, file),
    ...words,
  ];
  return spawn(program, all, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
