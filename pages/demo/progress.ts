/** Where an event has arrived, as `GET /v1/events/{id}/progress` tells it. */
export const PLACES = ['log', 'files', 'search'] as const;
export type Place = (typeof PLACES)[number];

const ATTEMPT_TIMEOUT_MS = 4_000;
const MAX_TRIES = 30;
const FIRST_WAIT_MS = 120;
const LONGEST_WAIT_MS = 2_000;
const GROWTH = 1.4;

/**
 * Asks where an event is until it is everywhere, `signal` is aborted, or it has asked often
 * enough (about 45 s); tells each place once. Never rejects. Resolves with whether the server
 * tells progress at all.
 */
export async function watchProgress(
  id: string,
  arrived: (place: Place) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const awaited = new Set<Place>(PLACES);
  let wait = FIRST_WAIT_MS;
  for (let tries = 0; tries < MAX_TRIES && awaited.size > 0 && !signal.aborted; tries++) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const answer = await ask(id, signal);
    if (signal.aborted) break;
    if (answer === 'not-offered') return false;
    for (const place of [...awaited]) {
      if (answer?.[place] !== true) continue;
      awaited.delete(place);
      arrived(place);
    }
    wait = Math.min(LONGEST_WAIT_MS, wait * GROWTH);
  }
  return true;
}

async function ask(
  id: string,
  signal: AbortSignal,
): Promise<Partial<Record<Place, unknown>> | 'not-offered' | undefined> {
  try {
    const response = await fetch(`/v1/events/${encodeURIComponent(id)}/progress`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]),
    });
    if (response.status === 404) return 'not-offered';
    if (!response.ok) return undefined;
    const told: unknown = await response.json();
    return typeof told === 'object' && told !== null ? told : undefined;
  } catch {
    return undefined;
  }
}
