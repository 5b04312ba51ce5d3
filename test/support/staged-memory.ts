import type { StagedFile } from '../../src/sinks/files/stores/file-store.ts';

/** A file that remembers what was written into it. */
export class StagedMemory implements StagedFile {
  readonly pieces: Buffer[] = [];
  written = 0;

  async write(chunk: Uint8Array): Promise<void> {
    this.pieces.push(Buffer.from(chunk));
    this.written += chunk.length;
  }

  async seal() {
    return { temporary: 'temporary', final: 'final', length: this.written, checksum: 0, storeId: 'id' };
  }

  async close(): Promise<void> {}

  async discard(): Promise<void> {}

  get content(): Buffer {
    return Buffer.concat(this.pieces);
  }
}
