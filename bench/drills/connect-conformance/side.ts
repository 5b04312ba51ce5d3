import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../test/support/until.ts';
import type { Call, Settle, SettleTopics } from './calls.ts';
import { MOVABLE, SINK } from './calls.ts';

const ASK_MS = 30_000;
const SETTLE_MS = 60_000;
const AGAIN_MS = 200;
/** Both answer these while they take a change up, or are not ready, and say so. */
const NOT_NOW = [409, 503];
const PASSES = /rebalanc|momentarily|stale|being taken up|not known/i;

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON; `undefined` if there is none. */
  readonly body: unknown;
  readonly location: string | undefined;
}

/** One of the two that are compared. */
export interface Side {
  readonly url: string;
  /** What it calls the classes. */
  readonly classes: Readonly<Record<typeof SINK | typeof MOVABLE, string>>;
}

/** Makes a call; one that is refused for a moment is made again. */
export async function ask(side: Side, call: Call): Promise<Answer> {
  const deadline = performance.now() + ASK_MS;
  for (;;) {
    const answer = await askOnce(side, call);
    const isForNow = NOT_NOW.includes(answer.status) && PASSES.test(JSON.stringify(answer.body));
    if (!isForNow || performance.now() > deadline) return answer;
    await delay(AGAIN_MS);
  }
}

/** Waits until a side has come to where the next call is to find it. */
export async function settle(side: Side, step: Settle | SettleTopics): Promise<void> {
  const isSettled = 'topics' in step ? () => haveTopics(side, step) : () => isInState(side, step);
  await until(`${JSON.stringify(step)} holds at ${side.url}`, isSettled, SETTLE_MS);
}

async function isInState(side: Side, { settle: name, state }: Settle): Promise<boolean> {
  const { status, body } = await ask(side, { method: 'GET', path: `/connectors/${name}/status` });
  if (status !== 200) return false;
  const { connector, tasks } = body as Standing;
  const isWhole = state === 'RUNNING' ? tasks.length > 0 : state !== 'STOPPED' || tasks.length === 0;
  return isWhole && [connector, ...tasks].every((one) => one.state === state);
}

async function haveTopics(side: Side, { settle: name, topics }: SettleTopics): Promise<boolean> {
  const { body } = await ask(side, { method: 'GET', path: `/connectors/${name}/topics` });
  return (body as Record<string, { topics: readonly string[] } | undefined>)[name]?.topics.length === topics;
}

interface Standing {
  readonly connector: { readonly state: string };
  readonly tasks: readonly { readonly state: string }[];
}

async function askOnce(side: Side, { method, path, body, text, headers }: Call): Promise<Answer> {
  const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(side.url + named(side, path), {
    method,
    headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(payload === undefined ? {} : { body: named(side, payload) }),
    signal: AbortSignal.timeout(ASK_MS),
  });
  const answered = await response.text();
  return {
    status: response.status,
    body: answered === '' ? undefined : parse(answered),
    location: response.headers.get('location') ?? undefined,
  };
}

function named({ classes }: Side, words: string): string {
  return words.replaceAll(SINK, classes[SINK]).replaceAll(MOVABLE, classes[MOVABLE]);
}

function parse(answered: string): unknown {
  try {
    return JSON.parse(answered);
  } catch {
    return answered;
  }
}
