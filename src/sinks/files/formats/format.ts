/** How records stand in files. */
export interface FileFormat {
  /** How the names of its files end, by which readers know how to open them: `.json.gz`. */
  readonly extension: string;
  /** Whether a record's value can stand in such a file; any other is refused. */
  accepts(value: Uint8Array): boolean;
  /** Starts a file. */
  encoder(): Encoder;
}

/**
 * Makes the bytes of one file out of values. What `drain` and `end` give out follows one upon the
 * other; its bytes may be used until the next call of either.
 */
export interface Encoder {
  /** Bytes taken that were not drained yet. */
  readonly buffered: number;
  /** Takes a value that the format accepts, as long as there is room; one that holds nothing takes a value of any size. */
  take(value: Uint8Array): boolean;
  /** Takes memory for what the next `drain` gives out, once there is some. Absent: it needs none. */
  room?(): Promise<void>;
  /** Makes room at once, and gives out what it has once that is encoded. */
  drain(): Promise<readonly Uint8Array[]>;
  /** Told when what the last `drain` gave out is written, or never will be. */
  written?(): void;
  /** Gives out the end of the file, after all was drained. */
  end(): Promise<readonly Uint8Array[]>;
  /** Frees what it holds. The last call, also for a file that was never ended. */
  free(): void;
}
