/**
 * HTTP for both products. Elastic's own client refuses OpenSearch, and neither tells a torn
 * answer from a whole one; what is needed of them is this.
 */
import { readFileSync } from 'node:fs';
import type { Agent, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { messageOf } from '../../support/errors.ts';
import { http } from '../../support/node-http.ts';
import type { Cluster } from './config.ts';
import { searchErrors } from './errors.ts';

const compress = promisify(gzip);

/** Fast: the wire is rarely the narrow part, and the store pays for inflating only. */
const GZIP = { level: 1 } as const;
/** Below this a request is sent as it is. */
const GZIP_BYTES = 1_024;
/** A page of a thousand of the largest events, and no more of an answer than can be held. */
const MAX_ANSWER_BYTES = 256 * 2 ** 20;
/** A node that did not answer gets no request for this long while others do. */
const REST_MS = 10_000;
/** A line of 128 kbit/s is the slowest that a request may take its time on. */
const SLOWEST_BYTES_PER_MS = 16;
/** Idle connections that are kept to each node. */
const MAX_IDLE = 16;

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  /** With its query; nothing in it comes from a visitor. */
  readonly path: string;
  readonly body?: Buffer | string | Body;
  /** Lines of JSON instead of one value. */
  readonly lines?: boolean;
  readonly signal?: AbortSignal;
}

/** Bytes as they are sent, compressed or not. */
export interface Body {
  readonly bytes: Buffer;
  readonly compressed: boolean;
}

export interface Answer {
  readonly status: number;
  /** Parsed, or `undefined` if it is not JSON. */
  readonly body: unknown;
  /** Whether an earlier try of this may have been carried out, its answer being lost. */
  readonly repeated: boolean;
}

interface Node {
  readonly url: URL;
  /** On the monotonic clock. */
  restsUntil: number;
}

export interface ClientOptions {
  readonly cluster: Cluster;
  readonly gzip: boolean;
  /** For one request to one node, with its answer, besides the time that its bytes take on a slow line. */
  readonly timeoutMs: number;
}

/** Asks the nodes of a cluster in turn. A status is an answer, whichever it is; only no answer from any node is an error. */
export class SearchClient {
  readonly #nodes: readonly Node[];
  readonly #authorization: string | undefined;
  readonly #gzip: boolean;
  readonly #timeoutMs: number;
  readonly #plain: Agent;
  readonly #secure: https.Agent;
  #turn = 0;

  /** @throws SEARCH_CA_UNUSABLE */
  constructor({ cluster, gzip, timeoutMs }: ClientOptions) {
    this.#nodes = cluster.nodes.map((node) => ({ url: new URL(node), restsUntil: 0 }));
    this.#authorization = authorizationOf(cluster);
    this.#gzip = gzip;
    this.#timeoutMs = timeoutMs;
    const agent = { keepAlive: true, maxFreeSockets: MAX_IDLE } as const;
    this.#plain = new http.Agent(agent);
    this.#secure = new https.Agent({ ...agent, ...(cluster.ca === undefined ? {} : { ca: readCa(cluster.ca) }) });
  }

  /**
   * Asks one node after the other until one answers, each once. All that is asked may be asked
   * twice: a bulk of creates with ids of their own is the same as one.
   * @throws SEARCH_UNREACHABLE, with `lost` as its cause's name if something may have been carried out
   */
  async ask(question: Ask): Promise<Answer> {
    const { body: given } = question;
    const body = typeof given === 'string' || given instanceof Uint8Array ? await this.pack(given) : given;
    let repeated = false;
    let failure: unknown;
    for (const node of this.#inTurn()) {
      question.signal?.throwIfAborted();
      try {
        const { status, bytes } = await this.#send(node, question, body);
        node.restsUntil = 0;
        return { status, body: parse(bytes), repeated };
      } catch (error) {
        question.signal?.throwIfAborted();
        failure = error;
        node.restsUntil = performance.now() + REST_MS;
        repeated ||= (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
      }
    }
    const places = this.#nodes.map(({ url }) => url.host).join(', ');
    throw searchErrors.SEARCH_UNREACHABLE(`no node answers (${places}): ${messageOf(failure)}`, {
      cause: new NoAnswer(repeated),
    });
  }

  /** Makes the body of a request. Whoever asks with it need not hold what it was made of while the store takes its time. */
  async pack(content: Buffer | string): Promise<Body> {
    const bytes = Buffer.from(content);
    const compressed = this.#gzip && bytes.byteLength > GZIP_BYTES;
    return { bytes: compressed ? await compress(bytes, GZIP) : bytes, compressed };
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /** All nodes, beginning with another one each time; those that rest come last. */
  #inTurn(): Node[] {
    const now = performance.now();
    const first = this.#turn++ % this.#nodes.length;
    const nodes = [...this.#nodes.slice(first), ...this.#nodes.slice(0, first)];
    const rests = (node: Node) => node.restsUntil > now;
    return [...nodes.filter((node) => !rests(node)), ...nodes.filter(rests)];
  }

  #send(node: Node, { method, path, lines, signal }: Ask, body: Body | undefined) {
    const secure = node.url.protocol === 'https:';
    const headers: OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': 'millrace' };
    if (this.#authorization !== undefined) headers['authorization'] = this.#authorization;
    if (body) {
      headers['content-type'] = lines ? 'application/x-ndjson' : 'application/json';
      headers['content-length'] = body.bytes.byteLength;
      if (body.compressed) headers['content-encoding'] = 'gzip';
    }
    return new Promise<{ readonly status: number; readonly bytes: Buffer }>((resolve, reject) => {
      const request = (secure ? https : http).request(new URL(path, node.url), {
        method,
        headers,
        agent: secure ? this.#secure : this.#plain,
        ...(signal ? { signal } : {}),
      });
      // Silence alone is no measure: an answer can drip for ever.
      const timeoutMs = this.#timeoutMs + Math.ceil((body?.bytes.byteLength ?? 0) / SLOWEST_BYTES_PER_MS);
      const late = setTimeout(() => request.destroy(new Error('there was no answer in time')), timeoutMs);
      const fail = (error: Error) => {
        clearTimeout(late);
        request.destroy();
        reject(error);
      };
      request.on('error', fail);
      request.on('response', (response) => {
        const pieces: Buffer[] = [];
        let length = 0;
        response.on('error', fail);
        response.on('data', (piece: Buffer) => {
          length += piece.byteLength;
          if (length > MAX_ANSWER_BYTES) fail(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
          else pieces.push(piece);
        });
        response.on('end', () => {
          clearTimeout(late);
          if (!response.complete) fail(new Error('the answer was cut off'));
          else resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(pieces) });
        });
      });
      request.end(body?.bytes);
    });
  }
}

/** Whether what was asked may have been carried out all the same. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly mayBeDone: boolean;

  constructor(mayBeDone: boolean) {
    super(mayBeDone ? 'it may have been carried out' : 'it was not carried out');
    this.mayBeDone = mayBeDone;
  }
}

function authorizationOf({ username, password, apiKey, token }: Cluster): string | undefined {
  if (username !== undefined) return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  if (apiKey !== undefined) return `ApiKey ${apiKey}`;
  return token === undefined ? undefined : `Bearer ${token}`;
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw searchErrors.SEARCH_CA_UNUSABLE(`the file ${file} can't be read: ${messageOf(error)}`);
  }
}

function parse(bytes: Buffer): unknown {
  if (bytes.byteLength === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
