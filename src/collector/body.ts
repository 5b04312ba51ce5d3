/**
 * Reads a body within bounds: bytes on the wire and bytes after decompression while they come,
 * and the bytes of all bodies together. A body that goes over a bound is dropped at that byte.
 */
import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { RequestFault } from './errors.ts';

/** Bytes that all readers together hold. */
export class HeldBytes {
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  /** Whether there was room; if so it is taken. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#limit) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

export interface BodyLimits {
  readonly bodyBytes: number;
  readonly inflatedBytes: number;
}

/** `aborted`: the client went away, nobody is there to be answered. */
export type BodyResult = Buffer | RequestFault | 'aborted';

const INFLATERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

/** The content codings that are understood (RFC 9110, 8.4.1; zstd: RFC 8878). */
export function isKnownEncoding(encoding: string): boolean {
  return encoding === 'identity' || Object.hasOwn(INFLATERS, encoding);
}

export interface BodyOptions {
  /** A known content coding, in lower case. */
  readonly encoding: string;
  readonly limits: BodyLimits;
  readonly held: HeldBytes;
  /** Called once. The bytes count as held until it has returned. */
  readonly done: (result: BodyResult) => void;
}

/** Reads one body. It settles by itself when the body ends or goes over a bound, or when the client leaves. */
export class BodyReader {
  readonly #request: IncomingMessage;
  readonly #options: BodyOptions;
  readonly #inflater: Transform | undefined;
  readonly #chunks: Buffer[] = [];
  #wireBytes = 0;
  #heldBytes = 0;
  #settled = false;

  constructor(request: IncomingMessage, options: BodyOptions) {
    this.#request = request;
    this.#options = options;
    request.on('error', () => this.settle('aborted'));
    request.on('close', () => {
      // Also said of a request that has come whole, which may still be on its way through the inflater.
      if (!request.complete) this.settle('aborted');
    });
    this.#inflater = INFLATERS[options.encoding]?.();
    if (this.#inflater) this.#readInflated(this.#inflater);
    else this.#readPlain();
  }

  /** Ends the reading with this result, unless it has ended. */
  settle(result: BodyResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#request.removeAllListeners('data').removeAllListeners('end');
    this.#inflater?.destroy();
    try {
      this.#options.done(result);
    } finally {
      this.#options.held.give(this.#heldBytes);
      this.#chunks.length = 0;
    }
  }

  #readPlain(): void {
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#countWire(chunk) && this.#hold(chunk)) this.#chunks.push(chunk);
    });
    this.#request.on('end', () => this.settle(this.#body()));
  }

  #readInflated(inflater: Transform): void {
    inflater.on('data', (chunk: Buffer) => {
      if (this.#wouldExceed(chunk)) this.settle('BODY_TOO_LARGE');
      else if (this.#hold(chunk)) this.#chunks.push(chunk);
    });
    inflater.on('end', () => this.settle(this.#body()));
    inflater.on('error', () => this.settle('COMPRESSION_INVALID'));
    inflater.on('drain', () => this.#request.resume());
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#countWire(chunk) && !inflater.write(chunk)) this.#request.pause();
    });
    this.#request.on('end', () => inflater.end());
  }

  #wouldExceed(chunk: Buffer): boolean {
    return this.#heldBytes + chunk.length > this.#options.limits.inflatedBytes;
  }

  #countWire(chunk: Buffer): boolean {
    this.#wireBytes += chunk.length;
    if (this.#wireBytes <= this.#options.limits.bodyBytes) return true;
    this.settle('BODY_TOO_LARGE');
    return false;
  }

  #hold(chunk: Buffer): boolean {
    if (!this.#options.held.take(chunk.length)) {
      this.settle('BODIES_FULL');
      return false;
    }
    this.#heldBytes += chunk.length;
    return true;
  }

  #body(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }
}
