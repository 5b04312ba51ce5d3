/** A real S3 server on this machine, versitygw over a folder: no container, no installation but Go. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GoBuild } from './go.ts';
import { builtByGo } from './go.ts';
import type { Progress } from './maven.ts';
import { toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import type { S3Access } from './s3-access.ts';
import { s3Access } from './s3-access.ts';
import { runJob, ServerProcess } from './server-process.ts';

const VERSION = '1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
/** Go fetches and compiles some two hundred packages. */
const BUILD_MS = 600_000;

export interface S3Options {
  /** Keeps the data for a later start; else it ends with the server. */
  readonly directory?: string;
  /** Else a free one. */
  readonly port?: number;
  /** Else a new one. */
  readonly secretKey?: string;
  readonly progress?: Progress;
}

export interface S3Server extends S3Access {
  /** Where the server keeps the objects of all buckets, as files. */
  readonly data: string;
  /** Every object and every open upload of a bucket, by key. */
  contents(bucket: string): Promise<{ readonly objects: readonly string[]; readonly uploads: readonly string[] }>;
  /** SIGKILL; a start afterwards finds the same data and port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** SIGKILL and start. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open, and nothing answers. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** Ends the server, and its data unless the directory is kept. */
  close(): Promise<void>;
}

/**
 * Starts a server and resolves when it takes requests (0.3 s; the very first start of a machine
 * builds it, in two to three minutes). Throws `EngineUnavailable` where Go is missing.
 */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const program = await builtByGo(VERSITYGW, options.progress ?? toStandardError);
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'millrace-s3-'));
  const [data, own] = [path.join(directory, 'buckets'), path.join(directory, 'server')];
  for (const folder of [data, own]) mkdirSync(folder, { recursive: true });
  const [port = 0] = options.port === undefined ? await freePorts(1) : [options.port];
  const { disconnect, ...access } = s3Access(
    `http://127.0.0.1:${port}`,
    'millrace',
    options.secretKey ?? randomBytes(16).toString('hex'),
  );
  const server = new ServerProcess({
    name: 'S3',
    program: 'env',
    words: [
      `ROOT_ACCESS_KEY=${access.accessKey}`,
      `ROOT_SECRET_KEY=${access.secretKey}`,
      program,
      ...['--port', `127.0.0.1:${port}`, '--region', access.region, '--keep-alive', 'posix', data],
    ],
    output: path.join(own, 'output.log'),
    ready: /listening on/,
  });
  const removeIfOurs = () => {
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    removeIfOurs();
    throw error;
  }

  return {
    ...access,
    data,
    contents: async (bucket) => {
      const s3 = await access.client();
      const { Contents: objects = [] } = await s3.listObjectsV2({ Bucket: bucket });
      const { Uploads: uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket });
      return { objects: objects.map(({ Key = '' }) => Key), uploads: uploads.map(({ Key = '' }) => Key) };
    },
    kill: () => server.kill(),
    start: () => server.start(),
    restart: async () => {
      await server.kill();
      await server.start();
    },
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    close: async () => {
      await disconnect();
      await (options.directory ? server.stop() : server.kill());
      removeIfOurs();
    },
  };
}

const VERSITYGW: GoBuild = {
  name: `versitygw ${VERSION}`,
  folder: `versitygw-${VERSION}`,
  program: 'versitygw',
  takes: 'two to three minutes',
  deadlineMs: BUILD_MS,
  build: (staging) => runJob('env', [`GOBIN=${staging}`, 'go', 'install', MODULE], BUILD_MS),
};
