import type { S3 } from '@aws-sdk/client-s3';
import { Backoff } from '../../../../support/backoff.ts';
import { readAuthorities } from '../../../../support/certificates.ts';
import { systemClock } from '../../../../support/clock.ts';
import { decisionOf } from '../../../../support/errors.ts';
import { filesErrors, isGone } from '../../errors.ts';
import type { S3StoreConfig } from './config.ts';
import { codeError } from './failures.ts';

const CONNECT_MS = 10_000;
/** Requests under way at once. */
const MOST_CONNECTIONS = 64;
/** How often a request is sent whose repeat does no harm, before the protocol above decides. */
const ATTEMPTS = 3;
const RETRY = { initialMs: 100, maxMs: 2_000 };

export interface CallOptions {
  /** What it is about, for a message. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** Once, where a repeat would make a second one; default three times. */
  readonly attempts?: number;
}

type Call<T> = (s3: S3, options: { readonly abortSignal: AbortSignal }) => Promise<T>;

/**
 * The client of AWS's SDK, with deadlines and our errors. It is loaded when it is first used: it
 * costs each thread that has it tens of MiB.
 */
export class S3Client {
  readonly #config: S3StoreConfig;
  #made: Promise<S3> | undefined;

  constructor(config: S3StoreConfig) {
    this.#config = config;
  }

  /** Calls S3, again where that may help; what it throws has a code. */
  async call<T>({ what, signal, deadlineMs, attempts = ATTEMPTS }: CallOptions, act: Call<T>): Promise<T> {
    signal.throwIfAborted();
    this.#made ??= this.#make();
    const s3 = await this.#made.catch((error) => {
      this.#made = undefined;
      throw codeError(what, error);
    });
    const backoff = new Backoff(RETRY);
    for (let attempt = 1; ; attempt++) {
      try {
        return await act(s3, { abortSignal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]) });
      } catch (error) {
        signal.throwIfAborted();
        const coded = codeError(what, error);
        // What is not there is an answer, and the most frequent one: a repeat would only say so again.
        if (attempt >= attempts || isGone(coded) || decisionOf(coded) !== 'retry') throw coded;
        await systemClock.sleep(backoff.next(), signal);
        signal.throwIfAborted();
      }
    }
  }

  /** Ends the connections that are kept. */
  async close(): Promise<void> {
    const s3 = await this.#made?.catch(() => undefined);
    s3?.destroy();
  }

  async #make(): Promise<S3> {
    const [{ S3 }, { NodeHttpHandler }] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@smithy/node-http-handler'),
    ]);
    const { region, endpoint, pathStyle, accessKeyId, secretAccessKey, sessionToken } = this.#config;
    const { ca, deadline, uploadDeadline } = this.#config;
    const agent = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
    const trusted = ca === undefined ? {} : { ca: await readAuthorities(ca, filesErrors.FILES_S3_TLS) };
    return new S3({
      region,
      forcePathStyle: pathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKeyId === undefined || secretAccessKey === undefined
        ? {}
        : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
      // Each body is signed with its SHA-256 already; the SDK's further checksum some services refuse.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Which requests may be repeated is known here, not in the SDK.
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({
        connectionTimeout: CONNECT_MS,
        // Silence in a download. A request has its own deadline, of which this must not come first.
        socketTimeout: Math.max(deadline, uploadDeadline),
        httpAgent: agent,
        httpsAgent: { ...agent, ...trusted },
      }),
    });
  }
}
