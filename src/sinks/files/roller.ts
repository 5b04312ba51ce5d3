import type { LogRecord } from '../../log/log.ts';
import { TYPE_HEADER } from '../../log/log.ts';
import type { Assignment } from './chain.ts';
import type { Pieces } from './data-file.ts';
import { DataFile, makePieces } from './data-file.ts';
import type { Compression } from './formats/compression.ts';
import { COMPRESSION_EXTENSIONS } from './formats/compression.ts';
import { JSON_EXTENSION } from './formats/json-lines.ts';
import type { ManifestFile } from './manifest.ts';
import type { ChainIdentity } from './paths.ts';
import { dataFileName, hourFolder, hourOf, hoursInTime, lateFolder, OTHER_TYPE } from './paths.ts';
import type { FileStore } from './stores/file-store.ts';

/** Stands for all hours that get no folder of their own. */
const LATE = Number.NEGATIVE_INFINITY;

export interface RollerOptions {
  readonly compression: Compression;
  /** Most files open at once. */
  readonly openFiles: number;
  /** How far from now an event's time may be, in milliseconds. */
  readonly lateMs: number;
  /** The types that get a folder of their own. */
  readonly namedTypes: ReadonlySet<string>;
}

/** The open files of a partition: finds the one for a record, by type and hour, and ends all of them together. */
export class Roller {
  readonly #store: FileStore;
  readonly #chain: ChainIdentity;
  readonly #assignment: Assignment;
  readonly #options: RollerOptions;
  readonly #files = new Map<string, Map<number, DataFile>>();
  readonly #freePieces: Pieces[] = [];
  #open = 0;
  #staged = 0;
  #hours = { first: 0, last: 0 };
  #latest: { readonly headers: LogRecord['headers']; readonly hour: number; readonly file: DataFile } | undefined;

  constructor(store: FileStore, chain: ChainIdentity, assignment: Assignment, options: RollerOptions) {
    this.#store = store;
    this.#chain = chain;
    this.#assignment = assignment;
    this.#options = options;
  }

  /** Whether no further file may be opened. */
  get full(): boolean {
    return this.#open >= this.#options.openFiles;
  }

  /** Says what time it is; asked once for many records. */
  setNow(now: number): void {
    this.#hours = hoursInTime(now, this.#options.lateMs);
    this.#latest = undefined;
  }

  /** The open file for a record, if there is one. Records of one batch mostly share headers and hour. */
  find(record: LogRecord): DataFile | undefined {
    const hour = hourOf(record.timestamp);
    const { headers } = record;
    if (headers && this.#latest?.headers === headers && this.#latest.hour === hour) return this.#latest.file;
    const file = this.#files.get(this.#typeOf(record))?.get(this.#folderHour(hour));
    if (file) this.#latest = { headers, hour, file };
    return file;
  }

  /** Opens the file for a record that has none yet. */
  async open(record: LogRecord, signal: AbortSignal): Promise<DataFile> {
    const type = this.#typeOf(record);
    const hour = this.#folderHour(hourOf(record.timestamp));
    const folder = hour === LATE ? lateFolder(type) : hourFolder(type, hour);
    const index = this.#staged++;
    const name = dataFileName(this.#chain, {
      first: record.offset,
      number: this.#assignment.nextNumber,
      index,
      extension: `${JSON_EXTENSION}${COMPRESSION_EXTENSIONS[this.#options.compression]}`,
    });
    const paths = { temporary: this.#assignment.temporaryPath(index), final: `${folder}/${name}` };
    const staged = await this.#store.stage(paths, signal);
    const file = new DataFile(staged, this.#options.compression, this.#freePieces.pop() ?? makePieces());
    const hours = this.#files.get(type) ?? new Map<number, DataFile>();
    this.#files.set(type, hours.set(hour, file));
    this.#open++;
    return file;
  }

  /** Ends the content of all open files, for the next manifest. They stay known until `forget`. */
  seal(signal: AbortSignal): Promise<ManifestFile[]> {
    return Promise.all(this.#all().map((file) => file.seal(signal)));
  }

  /** Closes all sealed files, side by side. */
  async close(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((file) => file.close(signal)));
  }

  /** Forgets the files, which are committed. */
  forget(): void {
    for (const file of this.#all()) this.#freePieces.push(file.pieces);
    this.#files.clear();
    this.#open = 0;
    this.#latest = undefined;
  }

  /** Ends all open files without keeping them. Never throws. */
  async discard(): Promise<void> {
    await Promise.all(this.#all().map((file) => file.discard()));
    this.forget();
  }

  #all(): DataFile[] {
    return [...this.#files.values()].flatMap((hours) => [...hours.values()]);
  }

  #folderHour(hour: number): number {
    return hour >= this.#hours.first && hour <= this.#hours.last ? hour : LATE;
  }

  #typeOf(record: LogRecord): string {
    const type = record.headers?.[TYPE_HEADER] ?? typeInValue(record.value);
    return type !== undefined && this.#options.namedTypes.has(type) ? type : OTHER_TYPE;
  }
}

/** The type of an event of a producer that sets no headers. */
function typeInValue(value: Uint8Array): string | undefined {
  try {
    const { type } = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8')) as {
      type?: unknown;
    };
    return typeof type === 'string' ? type : undefined;
  } catch {
    return undefined;
  }
}
