import type { DeadLetter } from '../../src/operations/sources.ts';
import type { Status } from '../../src/operations/status.ts';
import type { BreakdownItem, EventPage, HistogramBucket } from '../../src/sinks/event-query.ts';

/** A value of a field, with the condition that asks for it, where the API takes one of that length. */
export interface BreakdownValue extends BreakdownItem {
  readonly where?: string;
}

export interface Histogram {
  readonly from: number;
  readonly to: number;
  readonly intervalMs: number;
  readonly buckets: readonly HistogramBucket[];
}

/** An answer that says what went wrong; `code` is the server's, or `UNREACHABLE`. */
export class ApiError extends Error {
  readonly code: string;
  readonly help: string;

  constructor(code: string, message: string, help: string) {
    super(message);
    this.code = code;
    this.help = help;
  }
}

const STORED = 'millrace-token';
const ANSWER_MS = 15_000;
let askForToken: () => Promise<string> = () => Promise.reject(new Error('nobody to ask'));
let asking: Promise<string> | undefined;

/** Who is asked for the token when the server wants one. */
export function onTokenNeeded(ask: () => Promise<string>): void {
  askForToken = ask;
}

export const api = {
  events: (query: URLSearchParams) => get<EventPage>(`api/events?${query}`),
  histogram: (query: URLSearchParams) => get<Histogram>(`api/events/histogram?${query}`),
  breakdown: (query: URLSearchParams) => get<{ values: readonly BreakdownValue[] }>(`api/events/breakdown?${query}`),
  deadLetters: (query: URLSearchParams) => get<{ deadLetters: readonly DeadLetter[] }>(`api/dead-letters?${query}`),
  replay: async (filter: { readonly refusedBy: string; readonly ids?: readonly string[] }) => {
    const headers = { 'content-type': 'application/json' };
    const response = await ask('api/dead-letters/replay', { method: 'POST', headers, body: JSON.stringify(filter) });
    return (await response.json()) as { readonly replayed: number };
  },
  purge: async (refusedBy: string) => {
    const response = await ask(`api/dead-letters?${new URLSearchParams({ refusedBy })}`, { method: 'DELETE' });
    return (await response.json()) as { readonly purged: number };
  },
  control: async (connector: string, action: 'pause' | 'resume' | 'restart') => {
    await ask(`api/connectors/${encodeURIComponent(connector)}/${action}`, { method: 'POST' });
  },
};

async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

/** One request, with the token where there is one; asks for it once when it is refused. */
async function ask(path: string, init: RequestInit = {}, signal = AbortSignal.timeout(ANSWER_MS)): Promise<Response> {
  for (;;) {
    const token = sessionStorage.getItem(STORED);
    const headers = { ...init.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
    const response = await fetch(path, { ...init, headers, signal }).catch(() => undefined);
    if (!response) throw new ApiError('UNREACHABLE', 'Millrace does not answer.', '');
    if (response.ok) return response;
    if (response.status !== 401) throw await failureOf(response);
    asking ??= askForToken().finally(() => {
      asking = undefined;
    });
    sessionStorage.setItem(STORED, await asking);
  }
}

async function failureOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as {
    error?: { code: string; message: string; help: string };
  };
  const { code = 'FAILED', message = `HTTP ${response.status}`, help = '' } = body.error ?? {};
  return new ApiError(code, message, help);
}

export interface StatusListener {
  status(status: Status): void;
  state(state: 'connecting' | 'live' | 'lost' | 'unavailable'): void;
}

/** Silence that means a dead connection: the server sends something every second. */
const SILENCE_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;

/**
 * Follows the status for as long as the page is open. Read by `fetch` and not by EventSource,
 * which can't send a token.
 */
export async function followStatus(listener: StatusListener): Promise<never> {
  let wait = FIRST_WAIT_MS;
  listener.state('connecting');
  for (;;) {
    try {
      for await (const { event, data } of serverSentEvents('api/status/stream')) {
        wait = FIRST_WAIT_MS;
        listener.state(event === 'status' ? 'live' : 'unavailable');
        if (event === 'status') listener.status(JSON.parse(data) as Status);
      }
    } catch {
      // Whatever ended the stream, the answer is to come again.
    }
    listener.state('lost');
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
  }
}

async function* serverSentEvents(path: string): AsyncGenerator<{ event: string; data: string }> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await ask(path, {}, silence.signal);
    const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const messages = (rest + value).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) {
        const event = /^event: (.*)$/m.exec(message)?.[1];
        const data = /^data: (.*)$/m.exec(message)?.[1];
        if (event !== undefined && data !== undefined) yield { event, data };
      }
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
