/**
 * SeaweedFS on this machine, as an S3 server that keeps the parts of an upload and puts them together by their
 * names, as S3 itself does. One program with master, volumes, filer and the S3 API.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/until.ts';
import type { GoBuild } from './go.ts';
import { builtByGo } from './go.ts';
import type { Progress } from './maven.ts';
import { toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import type { S3Access } from './s3-access.ts';
import { s3Access } from './s3-access.ts';
import { ServerProcess } from './server-process.ts';

/** Of 9 November 2026; version 4.53. */
const VERSION = 'v0.0.0-20261109003541-7506e5f91cd6';
const MODULE = `github.com/seaweedfs/seaweedfs@${VERSION}`;
/** Go fetches and compiles more than a thousand packages. */
const BUILD_MS = 1_800_000;
/** Files of 64 MB fill volumes of this size soon, and there may be many of them. */
const VOLUME_MB = 1_024;
const VOLUMES = 1_000;
const SERVICES = ['master', 'volume', 'filer', 's3'] as const;
const READY_MS = 60_000;

export interface SeaweedServer extends S3Access {
  /** Ends the server and its data. */
  close(): Promise<void>;
}

/**
 * Starts a server and resolves when it stores (about 10 s; the very first start of a machine builds
 * it, in five to ten minutes). Throws `EngineUnavailable` where Go is missing.
 */
export async function startSeaweedfs(progress: Progress = toStandardError): Promise<SeaweedServer> {
  const program = await builtByGo(SEAWEEDFS, progress);
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-seaweedfs-'));
  const ports = await freePorts(2 * SERVICES.length);
  const removeData = () => {
    rmSync(directory, { recursive: true, force: true });
    // What it talks to itself over, at places of its own choice.
    for (const [index, service] of SERVICES.entries()) {
      rmSync(`/tmp/seaweedfs-${service}-grpc-${ports[2 * index + 1]}.sock`, { force: true });
    }
  };
  const portWords = SERVICES.flatMap((service, index) => [
    `-${service}.port=${ports[2 * index]}`,
    `-${service}.port.grpc=${ports[2 * index + 1]}`,
  ]);
  const { disconnect, ...access } = s3Access(
    `http://127.0.0.1:${ports[2 * SERVICES.indexOf('s3')]}`,
    'millrace',
    randomBytes(16).toString('hex'),
  );
  // Else they lie in the folder for temporary files, and stay there.
  const socketWords = ['filer', 's3'].map((service) => `-${service}.localSocket=${path.join(directory, service)}.sock`);
  const identities = path.join(directory, 'identities.json');
  writeFileSync(identities, JSON.stringify(identitiesOf(access)), { mode: 0o600 });
  const server = new ServerProcess({
    name: 'SeaweedFS',
    program,
    words: [
      ...['-logtostderr=true', 'server', '-ip=127.0.0.1', '-ip.bind=127.0.0.1', `-dir=${directory}`],
      ...[`-volume.max=${VOLUMES}`, `-master.volumeSizeLimitMB=${VOLUME_MB}`],
      ...['-s3', `-s3.config=${identities}`, ...portWords, '-s3.port.iceberg=0', '-s3.port.lance=0'],
      ...['-master.telemetry=false', ...socketWords],
    ],
    output: path.join(directory, 'output.log'),
    ready: /Start Seaweed S3 API Server/,
  });
  const close = async () => {
    await disconnect();
    await server.kill();
    removeData();
  };
  try {
    await server.start();
    await until('SeaweedFS stores', () => stores(access), READY_MS);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...access, close };
}

/** The API answers before there is a volume to write to. */
async function stores(access: S3Access): Promise<boolean> {
  try {
    const Bucket = await access.makeBucket('probe');
    await (await access.client()).putObject({ Bucket, Key: 'probe', Body: 'probe' });
    return true;
  } catch {
    return false;
  }
}

function identitiesOf({ accessKey, secretKey }: S3Access): object {
  const actions = ['Admin', 'Read', 'Write', 'List', 'Tagging'];
  return { identities: [{ name: 'millrace', credentials: [{ accessKey, secretKey }], actions }] };
}

/** Its module replaces others, so that `go install` refuses it. */
const SEAWEEDFS: GoBuild = {
  name: 'SeaweedFS',
  folder: `seaweedfs-${VERSION}`,
  program: 'weed',
  takes: 'five to ten minutes',
  deadlineMs: BUILD_MS,
  build: async (staging, go) => {
    const { Dir: source } = JSON.parse(await go('mod', 'download', '-json', MODULE));
    await go('build', '-C', source, '-ldflags', '-s -w', '-o', path.join(staging, 'weed'), './weed');
  },
};
