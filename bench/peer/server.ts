/** The servers that are compared, each in a process of its own. */

export interface PeerServer {
  readonly url: URL;
  readonly pid: number;
  /** In order, so that all it has answered for goes to Kafka first. */
  stop(): Promise<void>;
  /** SIGKILL, if it still runs. */
  kill(): Promise<void>;
}

export interface PeerOptions {
  readonly brokers: readonly string[];
  /** For what the server keeps on disk. */
  readonly directory: string;
  /** Words before its command. */
  readonly before: readonly string[];
}

export type StartPeer = (options: PeerOptions) => Promise<PeerServer>;
