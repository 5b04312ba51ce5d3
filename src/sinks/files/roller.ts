import type { LogRecord } from '../../log/log.ts';
import { TYPE_HEADER } from '../../log/log.ts';
import { settleAll } from '../../support/settle-all.ts';
import { DataFile } from './data-file.ts';
import type { FileFormat } from './formats/format.ts';
import type { Hold } from './hold.ts';
import type { Layout } from './layout.ts';
import { OTHER_TYPE } from './layout.ts';
import type { ManifestFile } from './manifest.ts';
import type { FileStore } from './stores/file-store.ts';
import type { Window, Windows } from './windows.ts';
import { HOUR_MS } from './windows.ts';

/** Stands for all windows that get no file of their own. */
const LATE = Number.NEGATIVE_INFINITY;

export interface RollerOptions {
  readonly format: FileFormat;
  readonly layout: Layout;
  readonly windows: Windows;
  /** Most files open at once. */
  readonly openFiles: number;
  /** How far from now an event's time may be, in milliseconds. */
  readonly lateMs: number;
  /** The types that get a folder of their own. */
  readonly namedTypes: ReadonlySet<string>;
}

/** Files on their way to the next manifest. */
export interface EndedFiles {
  /** What the files will be, once all of their content was sent. */
  readonly sealed: Promise<readonly ManifestFile[]>;
  /** Settles when all of them are closed. */
  readonly closed: Promise<void>;
}

/**
 * The open files of a partition: finds the one for a record, by type and window of
 * event time, and ends all of them together.
 */
export class Roller {
  readonly #store: FileStore;
  readonly #hold: Hold;
  readonly #options: RollerOptions;
  readonly #files = new Map<string, Map<number, DataFile>>();
  #open = 0;
  #staged = 0;
  readonly #slotMs: number;
  /** The slots whose events get a file by their time. */
  #slots = { first: 0, last: 0 };
  #latest: { readonly headers: LogRecord['headers']; readonly slot: number; readonly file: DataFile } | undefined;

  constructor(store: FileStore, hold: Hold, options: RollerOptions) {
    this.#store = store;
    this.#hold = hold;
    this.#options = options;
    this.#slotMs = options.windows.slotMs;
  }

  /** Whether the open files hold all the memory that they may. */
  get crowded(): boolean {
    return this.#store.full === true;
  }

  /** Whether no further file may be opened. */
  get full(): boolean {
    return this.#open >= this.#options.openFiles || this.crowded;
  }

  /** Whether a record's value can stand in a file. */
  accepts({ value }: LogRecord): boolean {
    return this.#options.format.accepts(value);
  }

  /** Says what time it is; asked once for many records. */
  setNow(now: number): void {
    const { lateMs } = this.#options;
    this.#slots = { first: this.#slotOf(now - lateMs), last: this.#slotOf(now + lateMs) };
    this.#latest = undefined;
  }

  /** The open file for a record, if there is one. Records of one batch mostly share headers and slot. */
  find(record: LogRecord): DataFile | undefined {
    const slot = this.#slotOf(record.timestamp);
    const { headers } = record;
    if (headers && this.#latest?.headers === headers && this.#latest.slot === slot) return this.#latest.file;
    const file = this.#files.get(this.#typeOf(record))?.get(this.#windowOf(slot)?.start ?? LATE);
    if (file) this.#latest = { headers, slot, file };
    return file;
  }

  /** Opens the file for a record that has none yet. */
  async open(record: LogRecord, signal: AbortSignal): Promise<DataFile> {
    const { layout, format, windows } = this.#options;
    const type = this.#typeOf(record);
    const window = this.#windowOf(this.#slotOf(record.timestamp));
    const folder = window ? layout.folder(type, window.local) : layout.lateFolder(type);
    const index = this.#staged++;
    const name = this.#hold.fileName({
      window: windows.windowMs < HOUR_MS ? window?.start : undefined,
      first: record.offset,
      index,
      extension: format.extension,
    });
    const paths = { temporary: this.#hold.temporaryPath(index), final: `${folder}/${name}` };
    const staged = await this.#store.stage(paths, signal);
    const file = new DataFile(staged, format.encoder());
    const files = this.#files.get(type) ?? new Map<number, DataFile>();
    this.#files.set(type, files.set(window?.start ?? LATE, file));
    this.#open++;
    return file;
  }

  /** Whether any file is open. */
  get hasFiles(): boolean {
    return this.#open > 0;
  }

  /**
   * Ends all open files, side by side, and forgets them at once: from here on they are the hold's,
   * and records that come open new ones. If one can't be ended all are discarded before `closed` tells.
   */
  end(signal: AbortSignal): EndedFiles {
    const files = this.#all();
    this.#forget();
    const sealed = settleAll(files.map((file) => file.seal(signal)));
    return { sealed, closed: this.#close(files, sealed, signal) };
  }

  async #close(files: readonly DataFile[], sealed: Promise<unknown>, signal: AbortSignal): Promise<void> {
    try {
      await sealed;
      await settleAll(files.map((file) => file.close(signal)));
    } catch (error) {
      await Promise.all(files.map((file) => file.discard()));
      throw error;
    }
  }

  /** Ends all open files without keeping them. Never throws. */
  async discard(): Promise<void> {
    await Promise.all(this.#all().map((file) => file.discard()));
    this.#forget();
  }

  #forget(): void {
    this.#files.clear();
    this.#open = 0;
    this.#latest = undefined;
  }

  #all(): DataFile[] {
    return [...this.#files.values()].flatMap((windows) => [...windows.values()]);
  }

  #slotOf(time: number): number {
    return Math.floor(time / this.#slotMs);
  }

  /** The window of a slot, or undefined if it is too far from now. */
  #windowOf(slot: number): Window | undefined {
    return slot >= this.#slots.first && slot <= this.#slots.last ? this.#options.windows.of(slot) : undefined;
  }

  #typeOf(record: LogRecord): string {
    if (!this.#options.layout.hasType) return OTHER_TYPE;
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
