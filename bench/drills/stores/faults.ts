/**
 * Loaded into a program with `--import`: meddles with one call that a connector makes to its store
 * of files. The program itself knows nothing of it. What to do is in `MILLRACE_STORE_FAULT`.
 */
import { writeFileSync } from 'node:fs';

/** What happens to the call: SIGKILL before it, after it, or it happens and its answer is lost. */
export const FATES = ['before', 'after', 'lost'] as const;
export type Fate = (typeof FATES)[number];

/** A call that a connector makes to its store, and what happens to it. */
export interface Step {
  /** Which call, counted from 0 over the whole process, leaving out `open`. */
  readonly call: number;
  /** Counts only calls of this name. */
  readonly of?: (typeof OF_STORE)[number] | (typeof OF_STAGED)[number];
  readonly fate: Fate;
}

export interface StoreFault {
  /** Where the class of the store is, as a URL, and what it is called. */
  readonly module: string;
  readonly store: string;
  readonly step: Step;
  /** Written when the call is reached, with the name of it. */
  readonly reached: string;
}

export const FAULT_VARIABLE = 'MILLRACE_STORE_FAULT';

const OF_STORE = [
  'stage',
  'makeDirectories',
  'finish',
  'discard',
  'prepare',
  'publishIfAbsent',
  'withdraw',
  'list',
  'remove',
] as const;
const OF_STAGED = ['write', 'seal', 'close'] as const;

type Method = (...words: unknown[]) => Promise<unknown>;
type Methods = Record<string, Method>;

const given = process.env[FAULT_VARIABLE];
if (given) await meddle(JSON.parse(given) as StoreFault);

async function meddle(fault: StoreFault): Promise<void> {
  const { [fault.store]: Store } = (await import(fault.module)) as Record<string, { prototype: Methods }>;
  const { prototype } = Store!;
  const { call, of, fate } = fault.step;
  let calls = 0;
  const meet = async (name: string, act: () => Promise<unknown>): Promise<unknown> => {
    if ((of !== undefined && of !== name) || calls++ !== call) return act();
    writeFileSync(fault.reached, name);
    if (fate === 'before') die();
    await act();
    if (fate === 'after') die();
    throw new Error(`no answer to ${name}`);
  };
  for (const name of OF_STORE) {
    const original = prototype[name]!;
    prototype[name] = async function (this: unknown, ...words: unknown[]) {
      const result = await meet(name, () => original.apply(this, words));
      if (name === 'stage') meddleWithStaged(result as Methods, meet);
      return result;
    };
  }
}

function meddleWithStaged(file: Methods, meet: (name: string, act: () => Promise<unknown>) => Promise<unknown>): void {
  for (const name of OF_STAGED) {
    const original = file[name]!;
    file[name] = (...words) => meet(name, () => original.apply(file, words));
  }
}

/** At once, and nothing after it: the thread waits until the signal has arrived. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  throw new Error('still alive');
}
