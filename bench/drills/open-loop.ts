import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../test/support/client.ts';
import { acknowledgedIn, Client, sampleEvent } from '../../test/support/client.ts';

/** Events in one request. */
const BATCH = 20;
/** An open loop has no use for a bound; this one is beyond what a few seconds without an answer take. */
const CONNECTIONS = 4_096;
/** How often the pacer looks at the clock. */
const TICK_MS = 10;

/** The requests begun in a stretch of time, and what became of them. */
export class Phase {
  readonly #latencies: number[] = [];
  /** Events by the answer that they got. */
  acknowledged = 0;
  refused = 0;
  unanswered = 0;

  /** Milliseconds to the answer, which of a hundred requests at most one had to wait for longer. */
  get p99(): number {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return Math.round((sorted[Math.floor(sorted.length * 0.99)] ?? 0) * 10) / 10;
  }

  count(latencyMs: number, events: number, acknowledged: number, answered: boolean): void {
    this.#latencies.push(latencyMs);
    this.acknowledged += acknowledged;
    if (answered) this.refused += events - acknowledged;
    else this.unanswered += events;
  }
}

/** Sends events at a rate, whatever the answers do (an open loop), and keeps the ids of all that it sent. */
export class OpenLoop {
  readonly sent = new Set<string>();
  readonly acknowledged = new Set<string>();
  /** Events turned away, or uncertain, by an answer that says so; by one that does not; and those without an answer. */
  shed = 0;
  shedWithoutWord = 0;
  unanswered = 0;
  #client: Client;
  #phase = new Phase();
  #perSecond = 0;
  #running: Promise<void> | undefined;
  readonly #underWay = new Set<Promise<void>>();

  constructor(collector: string) {
    this.#client = new Client(collector, CONNECTIONS);
  }

  /** Goes on at another address. */
  moveTo(collector: string): void {
    this.#client.close();
    this.#client = new Client(collector, CONNECTIONS);
  }

  /** From now on answers are counted in a phase of their own: that of the request's beginning. */
  begin(): Phase {
    this.#phase = new Phase();
    return this.#phase;
  }

  /** Sends at this rate until {@link stop}. */
  start(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#running ??= this.#run();
  }

  /** Sends no more; resolves once everything is answered. */
  async stop(): Promise<void> {
    this.#perSecond = 0;
    await this.#running;
    this.#running = undefined;
    await Promise.all(this.#underWay);
  }

  /** Sends at this rate for a time; resolves once everything is answered. */
  async pace(perSecond: number, seconds: number): Promise<Phase> {
    const phase = this.begin();
    this.start(perSecond);
    await delay(seconds * 1000);
    await this.stop();
    return phase;
  }

  close(): void {
    this.#client.close();
  }

  async #run(): Promise<void> {
    let last = performance.now();
    let due = 0;
    while (this.#perSecond > 0) {
      const now = performance.now();
      due += ((now - last) / 1000) * this.#perSecond;
      last = now;
      for (; due >= BATCH; due -= BATCH) this.#sendBatch();
      await delay(TICK_MS);
    }
  }

  #sendBatch(): void {
    const phase = this.#phase;
    const ids = Array.from({ length: BATCH }, () => randomUUID());
    for (const id of ids) this.sent.add(id);
    const body = JSON.stringify(ids.map((id, index) => sampleEvent(id, this.sent.size + index)));
    const from = performance.now();
    const answered = this.#client.send(body).then((answer) => {
      phase.count(performance.now() - from, BATCH, this.#tally(ids, answer), answer !== undefined);
      this.#underWay.delete(answered);
    });
    this.#underWay.add(answered);
  }

  /** The number of events that were acknowledged. */
  #tally(ids: readonly string[], answer: Answer | undefined): number {
    const acknowledged = acknowledgedIn(answer, ids);
    for (const id of acknowledged) this.acknowledged.add(id);
    const others = ids.length - acknowledged.length;
    if (!answer) this.unanswered += others;
    else if (answer.retryAfter !== undefined || answer.results) this.shed += others;
    else this.shedWithoutWord += others;
    return acknowledged.length;
  }
}
