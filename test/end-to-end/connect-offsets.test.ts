/** Positions of connectors are altered over REST while they are stopped. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { kafkaTest } from '../engines/kafka-test.ts';
import { postgresOrSkip } from '../engines/postgres-test.ts';
import { Connect, eventsOf, FILES, TABLE } from '../support/connect.ts';
import { Program } from '../support/program.ts';
import { idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

interface Offset {
  readonly partition: { readonly kafka_topic: string; readonly kafka_partition: number };
  readonly offset: { readonly kafka_offset: number } | null;
}

/** What happens to a connector's position. */
class Positions {
  readonly #connect: Connect;
  readonly #name: string;

  constructor(connect: Connect, name: string) {
    this.#connect = connect;
    this.#name = name;
  }

  async read(): Promise<readonly Offset[]> {
    return ((await this.#ask('GET')).body as { offsets: readonly Offset[] }).offsets;
  }

  /** Sets each partition that has a position to what is made of it; null forgets it. Resolves to the status. */
  async alter(to: (offset: number) => number | null): Promise<number> {
    const offsets = (await this.read()).map(({ partition, offset }) => {
      const altered = to(offset?.kafka_offset ?? 0);
      return { partition, offset: altered === null ? null : { kafka_offset: altered } };
    });
    return (await this.#ask('PATCH', { offsets })).status;
  }

  async reset(): Promise<number> {
    return (await this.#ask('DELETE')).status;
  }

  /** Waits while somebody still lets go of the partitions, which is a 409. */
  #ask(method: string, body?: object): Promise<{ status: number; body: unknown }> {
    return until('nobody loads', async () => {
      const answer = await this.#connect.ask(method, `/connectors/${this.#name}/offsets`, body);
      return answer.status !== 409 && answer;
    });
  }
}

interface Scene {
  readonly program: Program;
  /** More of the configuration of the table. */
  readonly table?: object;
  readonly suffix?: string;
}

async function altered(t: TestContext, { program, suffix = '', table = TABLE }: Scene): Promise<void> {
  const [files, rows] = [`files${suffix}`, `rows${suffix}`];
  const connect = new Connect(() => program);
  await connect.create(files, FILES);
  await connect.create(rows, { topics: TABLE.topics, 'connector.class': 'TableSink', ...table });
  const { sent, send } = eventsOf(t, program.collector);
  await send(20);
  const status = async (name: string) => (await program.status()).connectors.find((one) => one.name === name);
  await program.hasLoaded();
  const [ofFiles, ofRows] = [new Positions(connect, files), new Positions(connect, rows)];
  assert.equal(await ofRows.alter((offset) => offset), 400, 'it runs');
  for (const name of [files, rows]) {
    await connect.change('PUT', `/connectors/${name}/stop`);
    await connect.reaches(name, 'STOPPED');
  }
  const sum = (offsets: readonly Offset[]) => offsets.reduce((all, { offset }) => all + (offset?.kafka_offset ?? 0), 0);
  assert.equal(sum(await ofRows.read()), sent.length);

  // A table takes what it has for a duplicate.
  assert.equal(await ofRows.alter(() => 1), 200);
  assert.ok(sum(await ofRows.read()) < sent.length);
  assert.equal(await ofRows.alter(() => 1_000_000), 400);
  assert.equal(await ofRows.alter(() => null), 200);
  assert.deepEqual(await ofRows.read(), []);
  assert.equal(await ofRows.reset(), 200);
  // Files would have it twice.
  const before = await ofFiles.read();
  assert.equal(await ofFiles.alter((offset) => offset - 1), 400);
  assert.equal(await ofFiles.reset(), 400);
  assert.deepEqual(await ofFiles.read(), before);
  assert.equal(await ofFiles.alter((offset) => offset), 200);

  for (const name of [files, rows]) await connect.change('PUT', `/connectors/${name}/resume`);
  await until('the table met all of them again', async () => (await status(rows))?.duplicates === sent.length);
  await program.hasLoaded([rows]);

  // What comes while files are passed over is not loaded.
  await connect.change('PUT', `/connectors/${files}/stop`);
  await connect.reaches(files, 'STOPPED');
  const kept = [...sent];
  await send(20);
  await program.hasLoaded([rows]);
  const ends = await ofRows.read();
  const { status: forward } = await until('nobody loads', async () => {
    const answer = await connect.ask('PATCH', `/connectors/${files}/offsets`, { offsets: ends });
    return answer.status !== 409 && answer;
  });
  assert.equal(forward, 200);
  await connect.change('PUT', `/connectors/${files}/resume`);
  await connect.reaches(files, 'RUNNING');
  const last = eventsOf(t, program.collector);
  await last.send(10);
  await program.hasLoaded([files]);
  const expected = [...kept, ...last.sent].sort();
  const stored = () => idsInFiles(path.join(program.data, 'connect', files));
  await until('the files have what came before and after', async () => (await stored()).size >= expected.length);
  assert.deepEqual(
    [...(await stored())].sort(),
    expected.map((id) => [id, 1]),
  );
  if (table === TABLE) {
    assert.equal(idsInTable(path.join(program.data, 'connect', rows)).size, sent.length + last.sent.length);
  }
}

test('positions are altered on the embedded log', { timeout: 120_000 }, async (t) => {
  const program = await Program.start({ directory: temporaryDirectory(t), configuration: { connectors: {} } });
  t.after(() => program.kill());
  await altered(t, { program });
  assert.equal(await program.stop(), 0);
});

kafkaTest('positions are altered on Kafka, and in PostgreSQL', async ({ brokers }, t) => {
  const server = await postgresOrSkip(t);
  if (!server) return;
  const group = `g-${randomUUID().slice(0, 8)}`;
  process.env['MILLRACE_CONNECT_TABLE_URL'] = server.url;
  t.after(() => delete process.env['MILLRACE_CONNECT_TABLE_URL']);
  const configuration = { log: { kafka: { brokers } }, connect: { group }, connectors: {} };
  const program = await Program.start({ directory: temporaryDirectory(t), configuration });
  t.after(() => program.kill());
  const table = { 'connection.url': '${env:MILLRACE_CONNECT_TABLE_URL}', 'postgres.table': group.replace('-', '_') };
  await altered(t, { program, table, suffix: `-${group}` });
  assert.equal(await program.stop(), 0);
});
