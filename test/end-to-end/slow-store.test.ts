import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { postgresTest } from '../engines/postgres-test.ts';
import { FaultProxy } from '../engines/proxy.ts';
import { Client, sampleEvent } from '../support/client.ts';
import { Program } from '../support/program.ts';
import { compare, idsInFiles, idsInTable } from '../support/read-back.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

/** 256 kbit/s, at which the events below take minutes. */
const NARROW_BYTES = 32_000;
const BATCH = 200;
const REQUESTS = 100;
const LOADED_MS = 60_000;

postgresTest('a store behind a narrow line holds up no other connector, and no request', async (server, t) => {
  const directory = temporaryDirectory(t);
  const proxy = await FaultProxy.start({ target: server.address });
  t.after(() => proxy.close());
  const url = server.url.replace(server.address, proxy.address);
  const table = `slow_${randomUUID().slice(0, 8)}`;
  await using program = await Program.start({
    directory,
    configuration: {
      connectors: {
        files: { files: { roll: { age: '200ms' } } },
        search: { table: { sqlite: {} } },
        slow: { table: { postgres: { url, table } } },
      },
    },
  });
  const lagOf = async (name: string) => {
    const { connectors } = await program.status();
    const { lag, state } = connectors.find((one) => one.name === name)!;
    assert.equal(state, 'RUNNING', name);
    return lag;
  };
  proxy.narrow(NARROW_BYTES);
  const client = new Client(program.collector, 4);
  t.after(() => client.close());
  const sent = new Set<string>();
  const send = async () => {
    const ids = Array.from({ length: BATCH }, () => randomUUID());
    const answer = await client.send(JSON.stringify(ids.map((id, index) => sampleEvent(id, sent.size + index))));
    assert.ok(answer && answer.status < 300, String(answer?.status));
    for (const id of ids) sent.add(id);
  };
  for (let request = 0; request < REQUESTS; request++) await send();

  for (const name of ['files', 'search']) {
    await until(`${name} has all`, async () => (await lagOf(name)) === 0, LOADED_MS);
  }
  assert.ok((await lagOf('slow')) > sent.size / 2, 'the narrow line was not narrow enough to show anything');
  const sound = { lost: 0, doubled: 0, unexpected: 0, stored: sent.size };
  assert.deepEqual(compare(sent, sent, await idsInFiles(program.data)), sound);
  assert.deepEqual(compare(sent, sent, idsInTable(program.data)), sound);
  assert.equal(await program.stop(), 0);
});
