/**
 * HTTP for WebHDFS. Node's own `fetch` can't be used: DataNodes send a `100 Continue` that nobody
 * asked for, at which it fails although the bytes are written.
 */
import { once } from 'node:events';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { isUntrusted } from '../../../../support/certificates.ts';
import { http } from '../../../../support/node-http.ts';

/** Longest answer that is taken into memory: a page of a listing has a thousand entries of some 350 bytes. */
const MAX_ANSWER_BYTES = 16 << 20;
/** Idle connections that are kept to one host. Those in use are not bounded here: each open file has one. */
const MAX_IDLE_CONNECTIONS = 64;
const LATE = 'there was no answer in time';
/** Longest time for a connection. It is never the longest wait: the deadline holds as well. */
const CONNECT_MS = 10_000;
const AGENT = { keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS } as const;

export interface HttpOptions {
  /** The authorities to trust, in PEM. */
  readonly ca?: string;
  /** Longest time for a question with its answer, and longest silence in a download, in milliseconds. */
  readonly deadlineMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the request; for an upload each of its calls has one instead. */
  readonly signal?: AbortSignal;
}

/** The request was certainly not made: there was no connection, or it was not to whom we trust. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
  /** The address that was tried, if it is known. */
  readonly address: string | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly address?: string | undefined } = {}) {
    super(message, options);
    this.address = options.address ?? (options.cause as { address?: string } | undefined)?.address;
  }
}

/** Connections that are kept, to NameNodes and DataNodes. */
export class HttpClient {
  readonly #deadlineMs: number;
  readonly #plain = new http.Agent(AGENT);
  readonly #secure: https.Agent;

  constructor({ ca, deadlineMs }: HttpOptions) {
    this.#deadlineMs = deadlineMs;
    this.#secure = new https.Agent({ ...AGENT, ...(ca ? { ca } : {}) });
  }

  /** Asks, and takes the whole answer. Rejects with {@link NotSent} where that is certain. */
  async ask(request: HttpRequest): Promise<HttpAnswer> {
    const sent = this.#start(request, 0);
    // Silence alone is no measure: an answer can drip for ever.
    const timer = setTimeout(() => sent.destroy(new Error(LATE)), this.#deadlineMs);
    try {
      sent.end();
      return await whole(await this.#answerOf(sent));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks, and gives out the answer's body as it comes if it is good (2xx), else whole. */
  async download(request: HttpRequest): Promise<HttpAnswer | IncomingMessage> {
    const sent = this.#start(request, 0);
    sent.end();
    const answer = await this.#answerOf(sent);
    return isGood(answer.statusCode ?? 0) ? answer : whole(answer);
  }

  /** Begins a request whose body comes in pieces. */
  upload(request: HttpRequest): Upload {
    return new Upload(this.#start(request), this.#deadlineMs);
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /** `length` of the body; left out, it comes in chunks. */
  #start({ method, url, headers, signal }: HttpRequest, length?: number): ClientRequest {
    const secure = url.protocol === 'https:';
    const request = (secure ? https : http).request(url, {
      method,
      agent: secure ? this.#secure : this.#plain,
      headers: { ...headers, ...(length === undefined ? {} : { 'content-length': length }) },
      ...(signal ? { signal } : {}),
      timeout: this.#deadlineMs,
    });
    request.once('socket', (socket) => boundConnecting(request, socket, Math.min(CONNECT_MS, this.#deadlineMs)));
    // Whoever waits for the answer meets a failure; one that comes when nobody waits ends nothing else.
    return request.on('error', () => {});
  }

  async #answerOf(sent: ClientRequest): Promise<IncomingMessage> {
    sent.on('timeout', () => sent.destroy(new Error(LATE)));
    try {
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return answer;
    } catch (error) {
      throw isRefused(error) || isUntrusted(error) ? new NotSent((error as Error).message, { cause: error }) : error;
    }
  }
}

/** A request on its way, whose body comes in pieces. Fails whole: after an error there is nothing but `abandon`. */
export class Upload {
  readonly #request: ClientRequest;
  readonly #deadlineMs: number;
  readonly #connected: Promise<void>;
  readonly #answered: Promise<HttpAnswer>;
  #early: HttpAnswer | undefined;
  #failure: Error | undefined;

  constructor(request: ClientRequest, deadlineMs: number) {
    this.#request = request;
    this.#deadlineMs = deadlineMs;
    // The pause between two pieces may be long; each write and the end have the deadline instead.
    request.setTimeout(0);
    this.#connected = connectionOf(request);
    this.#connected.catch(() => {});
    this.#answered = once(request, 'response').then(([answer]) => whole(answer as IncomingMessage));
    this.#answered.then(
      (answer) => {
        this.#early = answer;
      },
      (error: Error) => {
        this.#failure = error;
      },
    );
    request.flushHeaders();
  }

  /** The answer, if it came before the body had ended: the server takes no more. */
  get early(): HttpAnswer | undefined {
    return this.#early;
  }

  /** What ended the request without an answer. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Settles once there is a connection; rejects with {@link NotSent} if there will be none. */
  async connected(signal: AbortSignal): Promise<void> {
    const abort = () => this.#request.destroy(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#connected;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Settles when the bytes have been handed to the system, and may be reused. An early answer is a failure. */
  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#request.write(chunk, (error) => (error ? reject(error) : resolve()));
    const refused = this.#answered.then(() => {
      throw new Error('the server takes no more');
    });
    await this.#inTime(Promise.race([promise, refused]), signal);
  }

  /** Ends the body, and settles with the answer. */
  async end(signal: AbortSignal): Promise<HttpAnswer> {
    this.#request.end();
    return this.#inTime(this.#answered, signal);
  }

  /** Ends it at once. */
  abandon(): void {
    this.#request.destroy();
  }

  /** What the work comes to, or the failure of the request; it fails with the deadline, or when the signal says so. */
  async #inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const end = (error: Error) => {
      this.#request.destroy();
      reject(error);
    };
    const timer = setTimeout(() => end(new Error('the upload was not taken in time')), this.#deadlineMs);
    const abort = () => end(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([work, ended, this.#answered.then(() => ended)]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

export function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Ends a request whose connection takes too long: a machine that is gone does not even refuse. */
function boundConnecting(request: ClientRequest, socket: Socket, withinMs: number): void {
  if (!socket.connecting) return;
  let address: string | undefined;
  socket.once('lookup', (_, found: string) => {
    address = found;
  });
  const end = () => request.destroy(new NotSent('there was no connection in time', { address }));
  const timer = setTimeout(end, withinMs);
  const clear = () => clearTimeout(timer);
  socket.once(connectedEvent(socket), clear).once('close', clear);
}

/** When the other side can be talked to: over TLS it must have proved itself first. */
function connectedEvent(socket: Socket): 'connect' | 'secureConnect' {
  return 'encrypted' in socket ? 'secureConnect' : 'connect';
}

async function connectionOf(request: ClientRequest): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once(connectedEvent(socket), () => resolve());
    else resolve();
  });
  // Before there is a connection nothing can have been sent.
  request.once('error', (error) => {
    reject(error instanceof NotSent ? error : new NotSent(error.message, { cause: error }));
  });
  await promise;
}

async function whole(answer: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) };
}

function isRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH';
}
