/** A real S3 server on this machine, versitygw over a folder, built from its Go module: no container, no installation. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Progress } from './maven.ts';
import { enginesDirectory, makeOnce, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { runJob, ServerProcess } from './server-process.ts';

const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;
const BUILD_MS = 900_000;
const ACCESS_KEY = 'millrace';
const SECRET_KEY = 'not-a-secret-of-anyone';
const BUCKET = 'events';
const REGION = 'us-east-1';

export interface S3Options {
  /** Keeps the data for a later start; else it ends with the server. */
  readonly directory?: string;
  /** A free one if left out. */
  readonly port?: number;
  readonly progress?: Progress;
  /** Words before the server, such as `taskset -c 1`. */
  readonly before?: readonly string[];
}

export interface S3Server {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** An empty bucket. */
  readonly bucket: string;
  /** Where the server keeps its objects, as files: to look at them from beside. */
  readonly directory: string;
  readonly server: ServerProcess;
  close(): Promise<void>;
}

/**
 * Starts the server (0.2 s; the very first start of a machine builds it, in two minutes or three).
 * Throws `EngineUnavailable` where Go is missing.
 */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const program = await build(options.progress ?? toStandardError);
  const own = options.directory ?? mkdtempSync(path.join(tmpdir(), 'millrace-s3-'));
  const root = path.join(own, 'objects');
  // A bucket is a folder.
  mkdirSync(path.join(root, BUCKET), { recursive: true });
  const [free = 0] = await freePorts(1);
  const address = `127.0.0.1:${options.port ?? free}`;
  const [first = 'env', ...before] = [...(options.before ?? []), 'env'];
  const server = new ServerProcess({
    name: 'S3',
    program: first,
    words: [
      ...before,
      `ROOT_ACCESS_KEY=${ACCESS_KEY}`,
      `ROOT_SECRET_KEY=${SECRET_KEY}`,
      ...[program, '--port', address, '--region', REGION, 'posix', root],
    ],
    output: path.join(own, 'output.log'),
    ready: /S3 service/i,
  });
  await server.start();
  return {
    endpoint: `http://${address}`,
    region: REGION,
    accessKeyId: ACCESS_KEY,
    secretAccessKey: SECRET_KEY,
    bucket: BUCKET,
    directory: path.join(root, BUCKET),
    server,
    close: async () => {
      await (options.directory ? server.stop() : server.kill());
      if (!options.directory) rmSync(own, { recursive: true, force: true });
    },
  };
}

/** Builds the server once for all runs. */
async function build(progress: Progress): Promise<string> {
  const home = path.join(enginesDirectory(), `versitygw-${VERSION}`);
  const program = path.join(home, 'versitygw');
  await makeOnce(program, async () => {
    progress(`Building versitygw ${VERSION} with Go, once; it takes some minutes …`);
    const staging = `${home}.${process.pid}`;
    await runJob('env', [`GOBIN=${staging}`, 'go', 'install', MODULE], BUILD_MS);
    rmSync(home, { recursive: true, force: true });
    renameSync(staging, home);
  });
  return program;
}
