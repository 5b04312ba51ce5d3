/**
 * Loaded into a program with `--import`: meddles with one call that a connector makes to its store. The program itself knows nothing of it. What to do is in `MILLRACE_STORE_FAULT`.
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
  readonly of?: string;
  readonly fate: Fate;
}

/** A class whose methods are the calls to a store. */
export interface StoreCalls {
  /** The URL of its module, and its name there. */
  readonly module: string;
  readonly className: string;
  readonly methods: readonly string[];
  /** The method, if there is one, that gives out an object, and the methods of that. */
  readonly staged?: { readonly by: string; readonly methods: readonly string[] };
}

export interface StoreFault {
  readonly calls: StoreCalls;
  readonly step: Step;
  /** Written when the call is reached, with the name of it. */
  readonly reached: string;
}

export const FAULT_VARIABLE = 'MILLRACE_STORE_FAULT';

type Method = (...words: unknown[]) => Promise<unknown>;
type Methods = Record<string, Method>;

/** Answers that nobody got. The garbage collector would take an open file among them for a fault of the program. */
const lost: unknown[] = [];

const given = process.env[FAULT_VARIABLE];
if (given) await meddle(JSON.parse(given) as StoreFault);

async function meddle(fault: StoreFault): Promise<void> {
  const { module, className, methods, staged } = fault.calls;
  const { [className]: Store } = (await import(module)) as Record<string, { prototype: Methods }>;
  const { prototype } = Store!;
  const { call, of, fate } = fault.step;
  let calls = 0;
  const meet = async (name: string, act: () => Promise<unknown>): Promise<unknown> => {
    if ((of !== undefined && of !== name) || calls++ !== call) return act();
    writeFileSync(fault.reached, name);
    if (fate === 'before') die();
    lost.push(await act());
    if (fate === 'after') die();
    throw new Error(`no answer to ${name}`);
  };
  for (const name of methods) {
    const original = prototype[name]!;
    prototype[name] = async function (this: unknown, ...words: unknown[]) {
      const result = await meet(name, () => original.apply(this, words));
      if (name === staged?.by) meddleWithStaged(result as Methods, staged.methods, meet);
      return result;
    };
  }
}

function meddleWithStaged(
  file: Methods,
  methods: readonly string[],
  meet: (name: string, act: () => Promise<unknown>) => Promise<unknown>,
): void {
  for (const name of methods) {
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
