/** Connectors that are made at run time, as a client of the real program makes them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Client, sampleEvent } from './client.ts';
import type { Program } from './program.ts';
import type { Copies } from './read-back.ts';
import { until } from './until.ts';

/** Some that the tests make. */
export const FILES = { 'connector.class': 'FilesSink', topics: 'select-color,web-events', 'rotate.interval.ms': '200' };
export const TABLE = { 'connector.class': 'TableSink', topics: 'select-color,web-events', 'sqlite.path': 'search.db' };

/** A connector as its status shows it. */
export interface Shown {
  readonly connector: { readonly state: string; readonly trace?: string };
  readonly tasks: readonly { readonly state: string; readonly trace?: string }[];
}

/** Kafka Connect's API of a program. */
export class Connect {
  readonly #program: () => Program;

  constructor(program: () => Program) {
    this.#program = program;
  }

  /** Waits while the worker does not know the connectors yet. */
  async ask(method: string, call: string, body?: object): Promise<{ status: number; body: unknown }> {
    return until('the worker knows the connectors', async () => {
      const answer = await this.#ask(method, call, body);
      return answer.status !== 503 && answer;
    });
  }

  async #ask(method: string, call: string, body?: object): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(`${this.#program().operations}${call}`, {
      method,
      headers: { 'content-type': 'application/json', connection: 'close' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  async create(name: string, config: object, more: object = {}): Promise<void> {
    const { status, body } = await this.ask('POST', '/connectors', { name, config, ...more });
    assert.equal(status, 201, JSON.stringify(body));
  }

  async change(method: string, call: string, body?: object): Promise<void> {
    const { status, body: answer } = await this.ask(method, call, body);
    assert.ok(status < 300, JSON.stringify(answer));
  }

  async status(name: string): Promise<Shown> {
    return (await this.ask('GET', `/connectors/${name}/status`)).body as Shown;
  }

  /** Waits until the connector, and its task if it has one, are in this state. */
  async reaches(name: string, state: string): Promise<Shown> {
    return until(`${name} is ${state}`, async () => {
      const shown = await this.status(name);
      const states = [shown.connector?.state, ...(shown.tasks ?? []).map((task) => task.state)];
      return states.at(-1) === state && shown;
    });
  }
}

/** Whether a store has each of these once, and nothing else. */
export function isEachOnce(copies: Copies, ids: readonly string[]): boolean {
  return copies.size === ids.length && ids.every((id) => copies.get(id) === 1);
}

/** Sends events to a collector, and keeps their ids. */
export function eventsOf(t: TestContext, collector: string) {
  const client = new Client(collector, 2);
  t.after(() => client.close());
  const sent: string[] = [];
  const send = async (count: number) => {
    const ids = Array.from({ length: count }, () => randomUUID());
    const answer = await client.send(JSON.stringify(ids.map((id, index) => sampleEvent(id, sent.length + index))));
    assert.ok(answer && answer.status < 300);
    sent.push(...ids);
  };
  return { sent, send };
}
