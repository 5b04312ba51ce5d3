import type { SelectColor } from './event.ts';

/** `refused`: the collector will never take it; `given-up`: it could not be reached, or had no room, for too long. */
export type Delivered = 'accepted' | 'refused' | 'given-up';

/** A collector that answers at all answers within milliseconds; one that does not must not hold a connection. */
const ATTEMPT_TIMEOUT_MS = 5_000;
const MAX_ATTEMPTS = 6;
const TOTAL_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** How many events may be on their way at once: a visitor who clicks and clicks costs a dead collector no more. */
const MAX_UNDER_WAY = 20;
/** A browser opens six connections to a host: a frozen collector must leave some for the page itself. */
const MAX_REQUESTS = 3;
/**
 * `keepalive` lets an event outlive the page, but Chromium (153, measured) also keeps the
 * connection of such a request after it was aborted. One that ran into its timeout therefore
 * never gives its place back; once both are gone events go out without `keepalive`.
 */
const MAX_KEPT_ALIVE = 2;

let underWay = 0;
let requests = 0;
let keptAlive = 0;

/**
 * Sends an event, and again with the same id while it makes sense. Never rejects and never logs:
 * whatever becomes of the event, the page goes on.
 */
export async function deliver(event: SelectColor): Promise<Delivered> {
  if (underWay >= MAX_UNDER_WAY) return 'given-up';
  underWay++;
  try {
    return await deliverWithRetries(event);
  } finally {
    underWay--;
  }
}

async function deliverWithRetries(event: SelectColor): Promise<Delivered> {
  const end = performance.now() + TOTAL_MS;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const answer = await post(event);
    if (answer === 'accepted' || answer === 'refused') return answer;
    const wait = Math.max(backoff(attempt), answer.retryAfterMs);
    if (attempt + 1 === MAX_ATTEMPTS || performance.now() + wait > end) break;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
  return 'given-up';
}

/** Doubling, between half and all of it, so that pages that failed together do not come back together. */
function backoff(attempt: number): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return ceiling / 2 + (ceiling / 2) * Math.random();
}

type Answer = 'accepted' | 'refused' | { readonly retryAfterMs: number };

async function post(event: SelectColor): Promise<Answer> {
  if (requests >= MAX_REQUESTS) return { retryAfterMs: 0 };
  const keepalive = keptAlive < MAX_KEPT_ALIVE;
  const timeout = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS);
  requests++;
  if (keepalive) keptAlive++;
  try {
    const response = await fetch('/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // `sentAt` is the only thing that changes: it lets the collector correct this clock's skew.
      body: JSON.stringify({ ...event, sentAt: new Date().toISOString() }),
      keepalive,
      signal: timeout,
    });
    void response.body?.cancel().catch(() => {});
    if (response.ok) return 'accepted';
    const isTemporary = response.status >= 500 || response.status === 429 || response.status === 408;
    return isTemporary ? { retryAfterMs: retryAfterMs(response.headers) } : 'refused';
  } catch {
    // Unreachable, cut off or too slow: a try again may do.
    return { retryAfterMs: 0 };
  } finally {
    requests--;
    if (keepalive && !timeout.aborted) keptAlive--;
  }
}

/** `Retry-After` in seconds; a date is not what our collector sends, and counts as none. */
function retryAfterMs(headers: Headers): number {
  const seconds = Number(headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}
