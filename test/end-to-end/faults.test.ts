import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Client, sampleEvent } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { compare, idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

test('a sink that can not work holds back neither the other one nor the collector', async (t) => {
  const directory = temporaryDirectory(t);
  const broken = path.join(directory, 'not-a-file');
  mkdirSync(broken);
  const program = await Program.start({
    directory,
    configuration: { connectors: { files: { files: {} }, search: { table: { sqlite: { path: broken } } } } },
  });
  t.after(() => program.kill());
  const named = async (name: string) => (await program.status()).connectors.find((one) => one.name === name)!;
  await until('the broken one says so', async () => (await named('search')).lastError);
  assert.equal((await fetch(`${program.collector}/api/select?color=red&user=a`)).status, 204);
  assert.equal((await fetch(`${program.collector}/readyz`)).ok, true);
  await until('the other one has loaded it', async () => (await named('files')).loaded === 1);
  const search = await named('search');
  assert.equal(search.loaded, 0);
  assert.equal(search.lag, 1);
  assert.match(search.lastError?.code ?? '', /^TABLE_/);
  assert.equal(await program.stop(), 0);
});

test('SIGTERM under load: what was answered is safe, the exit code says so', async (t) => {
  const directory = temporaryDirectory(t);
  const program = await Program.start({ directory });
  t.after(() => program.kill());
  const client = new Client(program.collector, 4);
  const [sent, acknowledged] = [new Set<string>(), new Set<string>()];
  let stopped = false;
  const senders = Array.from({ length: 4 }, async () => {
    while (!stopped) {
      const ids = Array.from({ length: 10 }, () => randomUUID());
      for (const id of ids) sent.add(id);
      const answer = await client.send(JSON.stringify(ids.map((id) => sampleEvent(id, sent.size))));
      if (answer?.status === 204) for (const id of ids) acknowledged.add(id);
    }
  });
  await until('there is load', () => acknowledged.size > 2_000);
  const code = await program.stop();
  stopped = true;
  await Promise.all(senders);
  client.close();
  assert.equal(code, 0);

  const again = await Program.start({ directory });
  t.after(() => again.kill());
  assert.equal(await again.stopWhenLoaded(), 0);
  for (const copies of [await idsInFiles(again.data), idsInTable(again.data)]) {
    const { lost, doubled, unexpected } = compare(acknowledged, sent, copies);
    assert.deepEqual({ lost, doubled, unexpected }, { lost: 0, doubled: 0, unexpected: 0 });
  }
});
