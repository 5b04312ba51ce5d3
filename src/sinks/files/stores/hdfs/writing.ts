import { coded, codedError, remoteException } from './answers.ts';
import type { Upload } from './http.ts';

/** A file whose content is on its way. */
export class Writing {
  readonly #what: string;
  readonly #upload: Upload;
  readonly #expected: number;

  /** `expected` is the status of an answer that says that all was taken. */
  constructor(what: string, upload: Upload, expected: number) {
    this.#what = what;
    this.#upload = upload;
    this.#expected = expected;
  }

  /** Throws if HDFS has refused the file already, or the upload has failed. */
  throwIfEnded(signal: AbortSignal): void {
    const { early, failure } = this.#upload;
    if (early) throw codedError(this.#what, remoteException(early));
    if (failure) throw coded(this.#what, failure, signal);
  }

  /** The bytes may be reused once it settles. */
  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    this.throwIfEnded(signal);
    try {
      await this.#upload.write(chunk, signal);
    } catch (error) {
      this.throwIfEnded(signal);
      throw coded(this.#what, error, signal);
    }
  }

  /** Ends the content, and settles when HDFS has closed the file. */
  async end(signal: AbortSignal): Promise<void> {
    this.throwIfEnded(signal);
    try {
      const answer = await this.#upload.end(signal);
      if (answer.status !== this.#expected) throw remoteException(answer);
    } catch (error) {
      throw coded(this.#what, error, signal);
    }
  }

  /** Cuts it off. What HDFS keeps of it is a file that looks complete. */
  abandon(): void {
    this.#upload.abandon();
  }
}
