import path from 'node:path';
import { MillraceError, messageOf } from '../../../../support/errors.ts';
import { filesErrors } from '../../errors.ts';
import type { Joining } from '../file-store.ts';
import type { WebHdfs } from './webhdfs.ts';

/**
 * How long the names of sources may be in one request, as they are encoded: they stand in its
 * address, of which gateways take 8 KiB with all headers, and a NameNode 64.
 */
const MOST_ENCODED_BYTES = 6 << 10;
/** How WebHDFS separates sources, and has no way to write as part of one. */
const SEPARATOR = ',';

/** What joining asks of HDFS. */
export type JoiningRequests = Pick<WebHdfs, 'list' | 'concat'>;

/**
 * Joins files by CONCAT, which moves the blocks of sources to the target. The NameNode does each
 * one whole or not at all, so that of many sources any first part may be joined.
 */
export class HdfsJoining implements Joining {
  readonly #client: () => JoiningRequests;
  /** To an absolute path. */
  readonly #resolve: (file: string) => string;

  constructor(client: () => JoiningRequests, resolve: (file: string) => string) {
    this.#client = client;
    this.#resolve = resolve;
  }

  async headOf(files: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const [first = ''] = files;
    const found = new Map((await this.#list(first, signal)).map((status) => [status.name, status]));
    const statuses = files.map((file) => {
      const status = found.get(path.posix.basename(file));
      if (!status) throw filesErrors.FILES_GONE(`${file} is no longer there`);
      return status;
    });
    const isFit = files.every((file, index) => {
      const { length, blockSize, encrypted } = statuses[index]!;
      return (
        length > 0 && !encrypted && blockSize <= statuses[0]!.blockSize && !this.#resolve(file).includes(SEPARATOR)
      );
    });
    return isFit ? statuses[0]!.fileId : undefined;
  }

  async join(target: string, sources: readonly string[], signal: AbortSignal): Promise<void> {
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const standing = new Set((await this.#list(target, signal)).map(({ name }) => name));
      if (!standing.has(path.posix.basename(target))) throw filesErrors.FILES_GONE(`${target} is no longer there`);
      const left = sources.filter((source) => standing.has(path.posix.basename(source)));
      if (left.length === 0) return;
      if (left.length >= before) throw filesErrors.FILES_STORE_UNAVAILABLE(`${left[0]} is there, and can't be found`);
      before = left.length;
      for (const part of partsOf(left.map(this.#resolve))) {
        // Others may do the same: what stands is looked up again.
        if ((await this.#concat(target, part, signal)) === 'gone') break;
      }
    }
  }

  async #concat(target: string, sources: readonly string[], signal: AbortSignal): Promise<'done' | 'gone'> {
    try {
      return await this.#client().concat(this.#resolve(target), sources, signal);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'FILES_HDFS_REFUSED') throw error;
      throw filesErrors.FILES_JOIN_REFUSED(messageOf(error), { cause: error });
    }
  }

  /** What stands beside a file. */
  #list(file: string, signal: AbortSignal) {
    return this.#client().list(this.#resolve(path.posix.dirname(file)), signal);
  }
}

/** In order, and each as long as one request may name. */
function partsOf(sources: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const source of sources) {
    const more = encodeURIComponent(`${source}${SEPARATOR}`).length;
    if (bytes > 0 && bytes + more > MOST_ENCODED_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(source);
    bytes += more;
  }
  return parts;
}
