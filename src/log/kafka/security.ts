import { readFileSync } from 'node:fs';
import type { ConnectionOptions, SASLOptions } from '@platformatic/kafka';
import { messageOf } from '../../support/errors.ts';
import { logErrors } from '../errors.ts';
import type { KafkaLogConfig } from './config.ts';

/** A token is taken anew this long before it ends, for what still is on its way. */
const TOKEN_MARGIN_MS = 30_000;

/** For servers that do not say how long their tokens last. */
const DEFAULT_TOKEN_SECONDS = 300;

/** Far more than any token; what is longer is no answer of a token server. */
const MAX_TOKEN_LENGTH = 64 * 1024;

/** How the client secures its connections. Reads the files of TLS: throws what the file system says. */
export function securityOf(config: KafkaLogConfig): Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'> {
  const { tls, sasl } = config;
  return {
    ...(tls && {
      tls: {
        rejectUnauthorized: tls.rejectUnauthorized,
        ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca) }),
        ...(tls.cert === undefined ? {} : { cert: readFileSync(tls.cert) }),
        ...(tls.key === undefined ? {} : { key: readFileSync(tls.key) }),
      },
      ...(tls.serverName === undefined ? {} : { tlsServerName: tls.serverName }),
    }),
    ...(sasl && { sasl: saslOf(sasl, config.connectTimeout) }),
  };
}

function saslOf(sasl: NonNullable<KafkaLogConfig['sasl']>, timeoutMs: number): SASLOptions {
  const { mechanism, username = '', password = '' } = sasl;
  if (mechanism !== 'OAUTHBEARER') return { mechanism, username, password };
  if (sasl.tokenEndpoint === undefined) return { mechanism, token: sasl.token ?? '' };
  const source = new TokenSource(sasl.tokenEndpoint, { username, password, scope: sasl.scope, timeoutMs });
  return { mechanism, token: () => source.token() };
}

interface TokenSourceOptions {
  readonly username: string;
  readonly password: string;
  readonly scope: string | undefined;
  readonly timeoutMs: number;
}

/** Tokens by OAuth 2.0's client credentials (RFC 6749, section 4.4), kept for as long as they last. */
class TokenSource {
  readonly #endpoint: string;
  readonly #options: TokenSourceOptions;
  #token: Promise<string> | undefined;
  #freshUntil = 0;

  constructor(endpoint: string, options: TokenSourceOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  token(): Promise<string> {
    if (this.#token && performance.now() < this.#freshUntil) return this.#token;
    this.#freshUntil = Number.POSITIVE_INFINITY;
    this.#token = this.#ask().catch((error: unknown) => {
      this.#freshUntil = 0;
      throw logErrors.LOG_UNAVAILABLE(`no token for Kafka: ${messageOf(error)}`, { cause: error });
    });
    return this.#token;
  }

  async #ask(): Promise<string> {
    const { username, password, scope, timeoutMs } = this.#options;
    const login = [username, password].map(encodeURIComponent).join(':');
    const response = await fetch(this.#endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(login)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`);
    const { access_token: token, expires_in: seconds } = JSON.parse(text) as Record<string, unknown>;
    // The token goes into a message whose parts end with a control character.
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !/^[!-~]+$/.test(token)) {
      throw new Error('the token endpoint answered without a token');
    }
    const lifeMs = 1000 * (typeof seconds === 'number' ? seconds : DEFAULT_TOKEN_SECONDS);
    this.#freshUntil = performance.now() + Math.max(lifeMs / 2, lifeMs - TOKEN_MARGIN_MS);
    return token;
  }
}
