/** What a client sees of a server while Kafka is away, and what is in Kafka in the end. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startKafka } from '../../test/engines/kafka.ts';
import { KafkaView } from '../../test/support/kafka-view.ts';
import { compare } from '../../test/support/read-back.ts';
import { MEASURED_CORE, OTHER_CORE, pinnedTo } from '../processes.ts';
import { quantile, round } from '../statistics.ts';
import type { StartPeer } from './server.ts';

const TOPIC = 'select-color';
const PARTITIONS = 2;
const PER_SECOND = 200;
const BEFORE_MS = 10_000;
const AWAY_MS = 30_000;
const AFTER_MS = 20_000;
/** How often the pacer looks at the clock. */
const TICK_MS = 5;
/** No visitor waits for longer; a request without an answer by then has failed. */
const ANSWER_MS = 60_000;
/** An answer that takes longer than this has held up a page. */
const SLOW_MS = 1_000;

export interface Outage extends Readonly<Record<string, number>> {
  readonly sent: number;
  /** With 2xx. */
  readonly acknowledged: number;
  /** Other answers, such as 503, and none at all. */
  readonly refused: number;
  readonly unanswered: number;
  readonly slow: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly stored: number;
  /** Acknowledged and not in Kafka. */
  readonly lost: number;
  readonly doubled: number;
}

/** Kills Kafka under a load that nobody would call heavy, starts it again, and counts. */
export async function measureOutage(start: StartPeer): Promise<Outage> {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-bench-outage-'));
  const kafka = await startKafka({ throughput: true, before: pinnedTo(OTHER_CORE) });
  const view = new KafkaView(kafka.brokers);
  try {
    await view.create(TOPIC, PARTITIONS);
    const server = await start({ brokers: kafka.brokers, directory, before: pinnedTo(MEASURED_CORE) });
    const visitors = new Visitors(server.url);
    try {
      visitors.begin();
      await delay(BEFORE_MS);
      for (const node of kafka.nodes) await node.kill();
      await delay(AWAY_MS);
      for (const node of kafka.nodes) await node.start();
      await delay(AFTER_MS);
      await visitors.end();
      await server.stop();
    } finally {
      visitors.leave();
      await server.kill();
    }
    return outageOf(visitors, compare(visitors.acknowledged, visitors.sent, await view.ids([TOPIC], 'userName')));
  } finally {
    await view.close();
    await kafka.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Requests at a steady rate, whatever becomes of them, each of a user of its own. */
class Visitors {
  readonly sent = new Set<string>();
  readonly acknowledged = new Set<string>();
  readonly latencies: number[] = [];
  refused = 0;
  unanswered = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: URL;
  readonly #underWay = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #coming = true;

  constructor(url: URL) {
    this.#url = url;
  }

  begin(): void {
    this.#running ??= this.#come();
  }

  /** Resolves when everything is answered, or never will be. */
  async end(): Promise<void> {
    this.#coming = false;
    await this.#running;
    await Promise.all(this.#underWay);
  }

  leave(): void {
    this.#coming = false;
    this.#agent.destroy();
  }

  async #come(): Promise<void> {
    const start = performance.now();
    while (this.#coming) {
      while (this.sent.size < ((performance.now() - start) / 1_000) * PER_SECOND) this.#visit();
      await delay(TICK_MS);
    }
  }

  #visit(): void {
    const user = randomUUID();
    this.sent.add(user);
    const from = performance.now();
    const visit = this.#request(user).then((status) => {
      this.latencies.push(performance.now() - from);
      if (status === undefined) this.unanswered++;
      else if (status >= 200 && status < 300) this.acknowledged.add(user);
      else this.refused++;
      this.#underWay.delete(visit);
    });
    this.#underWay.add(visit);
  }

  /** Resolves to the status, or to `undefined` when there was no answer. */
  #request(user: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const url = new URL(`/api/select?color=red&user=${user}`, this.#url);
      const headers = { 'user-agent': `visitor/${user.slice(0, 4)}` };
      const signal = AbortSignal.timeout(ANSWER_MS);
      const request = get(url, { agent: this.#agent, headers, signal }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
        response.on('error', () => resolve(undefined));
      });
      request.on('error', () => resolve(undefined));
    });
  }
}

function outageOf(visitors: Visitors, stored: ReturnType<typeof compare>): Outage {
  const latencies = visitors.latencies.toSorted((a, b) => a - b);
  return {
    sent: visitors.sent.size,
    acknowledged: visitors.acknowledged.size,
    refused: visitors.refused,
    unanswered: visitors.unanswered,
    slow: latencies.filter((ms) => ms > SLOW_MS).length,
    p50_ms: round(quantile(latencies, 0.5)),
    p99_ms: round(quantile(latencies, 0.99)),
    max_ms: round(latencies.at(-1) ?? Number.NaN),
    ...stored,
  };
}
