import type { Worker } from 'node:cluster';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Bookkeeper } from '../delivery/bookkeeper.ts';
import { sumByName } from '../delivery/ledger.ts';
import type { CollectorStatus } from '../operations/status.ts';
import { Backoff } from '../support/backoff.ts';
import { Channel } from '../support/channel.ts';
import { systemClock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Logger } from '../support/logger.ts';
import { settlesWithin } from '../support/within.ts';
import type { Collecting, CollectingSnapshot } from './collecting.ts';
import type { CollectorProcessCalls } from './collector-process.ts';
import type { LoadedConfiguration } from './configuration.ts';
import { spoolRoot } from './data-directory.ts';
import { threadErrors } from './thread-host.ts';

const require = createRequire(import.meta.url);
const { SERVER_FLAGS } = require('../../bin/find-node.cjs') as {
  SERVER_FLAGS: { readonly collect: readonly string[] };
};
const { importFlags } = require('../../bin/stripped.cjs') as { importFlags(): readonly string[] };

const RESTART = { initialMs: 200, maxMs: 30_000 };
/** Longest wait for a snapshot of one process. */
const SNAPSHOT_MS = 500;
/** Longest wait for one process to stop; its own steps have deadlines below this. */
const STOP_MS = 20_000;

/** One process that collects, as long as it lives. */
interface Member {
  readonly worker: Worker;
  readonly channel: Channel<CollectorProcessCalls>;
  last: CollectingSnapshot | undefined;
}

/**
 * Collector and delivery in several processes that share one port. They know nothing of each
 * other; one that dies is started again, and what its spool holds is taken up by whoever is there.
 */
export class CollectorProcesses implements Collecting {
  readonly #loaded: LoadedConfiguration;
  readonly #logger: Logger;
  readonly #members = new Set<Member>();
  readonly #stopped = new AbortController();
  readonly #backoff = new Backoff(RESTART);
  /** Counters of processes that are gone. */
  #gone: CollectorStatus | undefined;

  constructor(loaded: LoadedConfiguration, logger: Logger) {
    this.#loaded = loaded;
    this.#logger = logger;
    cluster.setupPrimary({
      exec: fileURLToPath(new URL('./collector-process.ts', import.meta.url)),
      args: [],
      execArgv: [...SERVER_FLAGS.collect, ...importFlags()],
      serialization: 'advanced',
    });
  }

  async listen(): Promise<number> {
    const { processes } = this.#loaded.configuration.collector;
    const ports = await Promise.all(Array.from({ length: processes }, () => this.#listen(this.#fork())));
    return ports[0] as number;
  }

  async snapshot(): Promise<CollectingSnapshot> {
    const snapshots = await Promise.all(Array.from(this.#members, (member) => this.#ask(member)));
    const statuses = [...snapshots.map((one) => one?.collector), this.#gone].filter((one) => one !== undefined);
    // Each process writes its books down once a second.
    return { collector: sum(statuses), accounting: Bookkeeper.totalsOf(spoolRoot(this.#loaded.configuration.data)) };
  }

  async stop(): Promise<number> {
    this.#stopped.abort();
    const unsafe = await Promise.all(Array.from(this.#members, (member) => this.#end(member)));
    return unsafe.reduce((a, b) => a + b, 0);
  }

  #listen({ channel }: Member): Promise<number> {
    return channel.call('listen', [this.#loaded]);
  }

  #fork(): Member {
    const worker = cluster.fork();
    const port = {
      postMessage: (message: unknown) => void worker.send(message as object),
      on: (event: 'message', listener: (message: unknown) => void) => worker.on(event, listener),
    };
    const channel = new Channel<CollectorProcessCalls>(port);
    const member: Member = { worker, channel, last: undefined };
    this.#members.add(member);
    worker.on('exit', (code, signal) => this.#ended(member, signal ?? `exit code ${code}`));
    worker.on('error', (error) => channel.fail(error));
    return member;
  }

  async #ask(member: Member): Promise<CollectingSnapshot | undefined> {
    const asked = member.channel.call('snapshot', []).catch(() => undefined);
    if (await settlesWithin(asked, SNAPSHOT_MS)) member.last = (await asked) ?? member.last;
    return member.last;
  }

  async #end(member: Member): Promise<number> {
    const exited = once(member.worker, 'exit');
    const stopped = member.channel.call('stop', []).catch(() => member.last?.accounting.buffered ?? 0);
    const inTime = await settlesWithin(stopped, STOP_MS);
    if (inTime) member.worker.disconnect();
    else member.worker.process.kill('SIGKILL');
    await exited;
    return inTime ? await stopped : (member.last?.accounting.buffered ?? 0);
  }

  #ended(member: Member, reason: string): void {
    this.#members.delete(member);
    member.channel.fail(threadErrors.THREAD_CRASHED(`A collector process ended: ${reason}.`));
    if (member.last) this.#gone = sum([...(this.#gone ? [this.#gone] : []), withoutHeld(member.last.collector)]);
    if (this.#stopped.signal.aborted) return;
    this.#logger.error({ pid: member.worker.process.pid, reason }, 'a collector process ended; another is started');
    void this.#replace();
  }

  async #replace(): Promise<void> {
    await systemClock.sleep(this.#backoff.next(), this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    const member = this.#fork();
    try {
      await this.#listen(member);
      this.#backoff.reset();
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, 'a collector process could not be started; it is tried again');
      // It would stay, and do nothing; its end brings the next one.
      member.worker.process.kill('SIGKILL');
    }
  }
}

function sum(collectors: readonly CollectorStatus[]): CollectorStatus {
  const total = (read: (one: CollectorStatus) => number) => collectors.reduce((sum, one) => sum + read(one), 0);
  return {
    ready: collectors.some(({ ready }) => ready),
    requests: total(({ requests }) => requests),
    acceptedEvents: total(({ acceptedEvents }) => acceptedEvents),
    rejectedEvents: sumByName(collectors.map(({ rejectedEvents }) => rejectedEvents)),
    shedRequests: sumByName(collectors.map(({ shedRequests }) => shedRequests)),
    bufferBytes: total(({ bufferBytes }) => bufferBytes),
    bufferLimitBytes: total(({ bufferLimitBytes }) => bufferLimitBytes),
    spoolBytes: total(({ spoolBytes }) => spoolBytes),
    spoolLimitBytes: total(({ spoolLimitBytes }) => spoolLimitBytes),
  };
}

/** What a process that is gone leaves behind in the sums: its counters, but nothing that it held. */
function withoutHeld(collector: CollectorStatus): CollectorStatus {
  return { ...collector, ready: false, bufferBytes: 0, bufferLimitBytes: 0, spoolBytes: 0, spoolLimitBytes: 0 };
}
