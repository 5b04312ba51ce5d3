import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { OperationsConfig } from './config.ts';
import { operationsErrors } from './errors.ts';

/** Sent with every answer. Pages load only what this server serves, and run no inline script. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The parts of a request that decide who may ask. */
export interface Asking {
  readonly method: string;
  /** Path of the route, as registered. */
  readonly route: string;
  readonly headers: IncomingHttpHeaders;
}

/** What anyone who reaches the port may have: the pages themselves hold no data, nor does a sign of life. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/', '/*', '/health']);
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Throws the refusal of a request that may not be answered. */
export class Access {
  readonly #hosts: ReadonlySet<string>;
  readonly #token: Buffer | undefined;

  constructor(config: OperationsConfig) {
    this.#hosts = new Set(config.hosts.map((host) => host.toLowerCase()));
    this.#token = config.token === undefined ? undefined : digest(config.token);
  }

  check(asking: Asking): void {
    this.#checkHost(asking.headers.host);
    checkOrigin(asking);
    if (this.#token && !OPEN_ROUTES.has(asking.route)) this.#checkToken(this.#token, asking.headers.authorization);
  }

  /**
   * Against DNS rebinding: a foreign page can point a name of its own at this address, but then
   * the browser sends that name. An IP address in its place can't be pointed anywhere.
   */
  #checkHost(header: string | undefined): void {
    const host = hostName(header);
    if (host === undefined) throw operationsErrors.HOST_REFUSED('The request names no valid host.');
    const known = isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || this.#hosts.has(host);
    if (!known) throw operationsErrors.HOST_REFUSED('The server may not be called by this name.');
  }

  #checkToken(token: Buffer, header: string | undefined): void {
    const given = tokenIn(header ?? '');
    // Digests have one length, so that the comparison tells nothing about the token, its length included.
    if (given !== undefined && timingSafeEqual(digest(given), token)) return;
    throw operationsErrors.TOKEN_REQUIRED(
      given === undefined ? 'A token is needed.' : 'The token is not the right one.',
    );
  }
}

/**
 * What follows `Bearer`, or the password that follows `Basic`: clients of Kafka Connect know the latter only. No answer
 * ever asks for it, so that no browser learns the token and sends it along for other sites.
 */
function tokenIn(header: string): string | undefined {
  const basic = /^Basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i.exec(header)?.[1];
  if (basic === undefined) return /^Bearer +(\S{1,512})$/i.exec(header)?.[1];
  return /^[^:]*:(\S{1,512})$/.exec(Buffer.from(basic, 'base64').toString())?.[1];
}

/**
 * Against requests that a foreign page makes in the user's browser: changes must come from our
 * own page or from no page at all, and no foreign page may start a question either.
 */
function checkOrigin({ method, headers, route }: Asking): void {
  const site = headers['sec-fetch-site'];
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  const reading = READING.has(method);
  if (reading && (!foreign || headers['sec-fetch-mode'] === 'navigate' || OPEN_ROUTES.has(route))) return;
  if (foreign || (headers.origin !== undefined && !isOwnOrigin(headers.origin, headers.host))) {
    throw operationsErrors.ORIGIN_REFUSED('A page of another site may not ask this.');
  }
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  // The scheme is left open: a proxy in front may speak TLS.
  return host !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host.toLowerCase();
}

function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]{1,253}))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
