import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from '../../../test/support/program.ts';

/** A call goes to one worker after another until one answers; the time for that. */
const ANSWER_MS = 60_000;
const ASK_MS = 15_000;
const AGAIN_MS = 100;

/** The REST API of whichever worker is there, as a client sees it that knows them all. */
export class WorkersApi {
  readonly #workers: () => readonly Program[];
  changes = 0;
  /** Calls that had to be made once more: their worker went, or did not know the connectors yet. */
  askedAgain = 0;

  constructor(workers: () => readonly Program[]) {
    this.#workers = workers;
  }

  create(name: string, config: Record<string, string>): Promise<void> {
    return this.#change('PUT', `/connectors/${name}/config`, config);
  }

  configure(name: string, config: Record<string, string>): Promise<void> {
    return this.#change('PUT', `/connectors/${name}/config`, config);
  }

  pause(name: string): Promise<void> {
    return this.#change('PUT', `/connectors/${name}/pause`);
  }

  resume(name: string): Promise<void> {
    return this.#change('PUT', `/connectors/${name}/resume`);
  }

  stop(name: string): Promise<void> {
    return this.#change('PUT', `/connectors/${name}/stop`);
  }

  restart(name: string): Promise<void> {
    return this.#change('POST', `/connectors/${name}/restart?includeTasks=true`);
  }

  /** What was deleted by a call without an answer is not there any more: that is as good. */
  remove(name: string): Promise<void> {
    return this.#change('DELETE', `/connectors/${name}`, undefined, [404]);
  }

  /** All that one worker tells of the configurations, as one text. */
  async configurations(): Promise<string> {
    const told = JSON.parse(await this.#ask('GET', '/connectors?expand=info')) as Record<string, { info: object }>;
    const sorted = Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(sorted.map(([name, { info }]) => [name, (info as { config: object }).config]));
  }

  async #change(method: string, call: string, body?: object, good: readonly number[] = []): Promise<void> {
    this.changes++;
    await this.#ask(method, call, body, good);
  }

  async #ask(method: string, call: string, body?: object, good: readonly number[] = []): Promise<string> {
    const deadline = performance.now() + ANSWER_MS;
    for (;;) {
      const workers = this.#workers();
      const worker = workers[Math.floor(Math.random() * workers.length)];
      try {
        if (!worker) throw new Error('no worker is there');
        const answer = await fetch(`${worker.operations}${call}`, {
          method,
          headers: { 'content-type': 'application/json', connection: 'close' },
          ...(body ? { body: JSON.stringify(body) } : {}),
          signal: AbortSignal.timeout(ASK_MS),
        });
        const text = await answer.text();
        if (answer.ok || good.includes(answer.status)) return text;
        throw new Error(`${method} ${call} answered ${answer.status}: ${text}`);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        this.askedAgain++;
        await delay(AGAIN_MS);
      }
    }
  }
}

/** The configuration of a connector; `like` another one, with places of its own. */
type ConfigOf = (name: string, like?: string) => Record<string, string>;

type Operation = (api: WorkersApi, name: string, configOf: ConfigOf) => Promise<void>;

/** What connectors are told, by turns. */
export const OPERATIONS: readonly Operation[] = [
  (api, name) => api.pause(name),
  (api, name) => api.resume(name),
  (api, name, configOf) =>
    api.configure(name, { ...configOf(name), 'loader.retryMax': `${20 + Math.floor(Math.random() * 40)}s` }),
  (api, name) => api.stop(name),
  (api, name) => api.resume(name),
  (api, name) => api.restart(name),
  async (api, name, configOf) => {
    const passing = `passing-${randomUUID().slice(0, 8)}`;
    await api.create(passing, configOf(passing, name));
    await api.pause(passing);
    await api.remove(passing);
  },
];
