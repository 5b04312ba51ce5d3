import { filesErrors } from '../../src/sinks/files/errors.ts';

/**
 * What happens to one request.
 * - `go`: it happens and is answered.
 * - `lost`: it happens; the answer is lost.
 * - `drop`: it does not happen, and there is no answer.
 * - `queue`: there is no answer, and it happens later.
 * - `kill`: the program ends before it; `kill-after`: after it; `kill-under-way`: with it still on its way.
 */
export const FATES = ['go', 'lost', 'drop', 'queue', 'kill', 'kill-after', 'kill-under-way'] as const;
export type Fate = (typeof FATES)[number];

export interface Request {
  readonly name: string;
  readonly path: string;
}

/** Runs one request: at once, before, after, instead or later, as the test has it. */
export type Intercept = <T>(request: Request, act: () => T) => Promise<T>;

/** Requests that were not answered, and are still on their way. */
export class UnderWay {
  #acts: (() => unknown)[] = [];

  add(act: () => unknown): void {
    this.#acts.push(act);
  }

  /** All of them arrive, in the order in which they were sent. */
  deliver(): void {
    const acts = this.#acts;
    this.#acts = [];
    for (const act of acts) quietly(act);
  }
}

interface Waiting extends Request {
  proceed(fate: Fate): void;
}

/** Holds back every request of one program until the test says what becomes of it. */
export class Gate {
  readonly #underWay: UnderWay;
  /** In the order in which they were made. */
  readonly #waiting: Waiting[] = [];
  #dead = false;
  #done = false;

  constructor(underWay: UnderWay) {
    this.#underWay = underWay;
  }

  readonly intercept: Intercept = (request, act) =>
    new Promise((resolve, reject) => {
      const unanswered = () => reject(filesErrors.FILES_STORE_UNAVAILABLE(`no answer to ${request.name}`));
      const fates: Record<Fate, () => void> = {
        go: () => {
          try {
            resolve(act());
          } catch (error) {
            reject(error);
          }
        },
        lost: () => {
          quietly(act);
          unanswered();
        },
        drop: unanswered,
        queue: () => {
          this.#underWay.add(act);
          unanswered();
        },
        kill: () => {
          this.#dead = true;
        },
        'kill-after': () => {
          quietly(act);
          this.#dead = true;
        },
        'kill-under-way': () => {
          this.#underWay.add(act);
          this.#dead = true;
        },
      };
      this.#waiting.push({ ...request, proceed: (fate) => fates[fate]() });
    });

  /** Whether the program has ended. */
  get over(): boolean {
    return this.#done || this.#dead;
  }

  /** Watches the program whose requests these are. */
  watch(program: Promise<unknown>): void {
    const end = () => {
      this.#done = true;
    };
    void program.then(end, end);
  }

  /** The requests that wait, once the program can do nothing more without an answer. */
  async waiting(): Promise<readonly Request[]> {
    // All of a program's own work is microtasks, which are over when this comes back.
    await new Promise(setImmediate);
    return this.over ? [] : this.#waiting;
  }

  /** The request that it waits with longest. */
  async next(): Promise<Request | undefined> {
    return (await this.waiting())[0];
  }

  /** Says what becomes of a request that waits: the first of them, or another one. */
  async step(fate: Fate = 'go', which = 0): Promise<void> {
    const { length } = await this.waiting();
    if (length === 0) return;
    const [request] = this.#waiting.splice(which % length, 1);
    request?.proceed(fate);
  }

  /** Goes on until it waits to make such a request, and then waits. */
  async runTo(name: string, matches: (path: string) => boolean = () => true): Promise<void> {
    for (;;) {
      const next = await this.next();
      if (!next || (next.name === name && matches(next.path))) return;
      await this.step();
    }
  }

  async runToEnd(): Promise<void> {
    while ((await this.next()) !== undefined) await this.step();
  }
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // Nobody is there to hear it.
  }
}
