import { safeText } from '../event/canonical.ts';

/** Longer ones are cut: no real browser comes near, and what parses them later gets slow. */
const MAX_LENGTH = 1024;
/** A site's visitors share few user agents; a client that varies its own only empties the cache. */
const MAX_CACHED = 2000;

const NOT_ASCII = /[^ -~]/;

/** User agents as they stand in events, by the header they came in. */
export class UserAgents {
  readonly #json = new Map<string, string>();

  /** The header as a JSON string, quotes included; `undefined` if there is none. */
  toJson(header: string | undefined): string | undefined {
    if (header === undefined || header === '') return undefined;
    const known = this.#json.get(header);
    if (known !== undefined) return known;
    // Node reads header bytes as Latin-1; clients that send more than ASCII send UTF-8.
    const text = NOT_ASCII.test(header) ? safeText(Buffer.from(header, 'latin1').toString()) : header;
    const json = JSON.stringify(text.slice(0, MAX_LENGTH).toWellFormed());
    if (this.#json.size >= MAX_CACHED) this.#json.clear();
    if (header.length <= MAX_LENGTH) this.#json.set(header, json);
    return json;
  }
}

/** A header's value straight from the raw list: `request.headers` would build an object of all of them. */
export function rawHeader(rawHeaders: readonly string[], lowerCaseName: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return rawHeaders[index + 1];
  }
  return undefined;
}
