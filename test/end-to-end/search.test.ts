import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { documentsOf, searchTest } from '../engines/search-test.ts';
import { Program } from '../support/program.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const COMMAND = path.join(import.meta.dirname, '../../bin/millrace');
const EVENTS = 20;
const GOOD = { records: EVENTS, deadLettered: 0, stored: EVENTS, lost: 0, doubled: 0, unexpected: 0, corrupt: 0 };

searchTest('what a page sends is loaded, searched and verified', async (node, t) => {
  const directory = temporaryDirectory(t);
  const prefix = `pages-${path.basename(directory).toLowerCase()}`;
  const indices = `${prefix}-*`;
  const search = { [node.name]: { nodes: [node.url] }, index: `${prefix}-{yyyy.MM.dd}`, delay: 0 };
  const millrace = (...words: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...words, '--json'], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, MILLRACE_CONFIG: undefined },
    });
    return {
      status,
      lines: stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    };
  };
  await using program = await Program.start({ directory, configuration: { connectors: { engine: { search } } } });
  const body = Array.from({ length: EVENTS }, (_, i) => ({ id: `page-${i}`, type: 'page-view', title: `안녕 ${i}` }));
  const posted = await fetch(`${program.collector}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(posted.ok, String(posted.status));
  await until('all are stored', async () => (await documentsOf(node, indices)).length === EVENTS);
  const answer = await fetch(`${program.operations}/api/events?text=${encodeURIComponent('안녕 7')}`);
  const { events } = (await answer.json()) as { events: { id: string }[] };
  assert.deepEqual(
    events.map(({ id }) => id),
    ['page-7'],
  );
  assert.equal(await program.stop(), 0);
  const checks = millrace('doctor').lines as { check: string; state: string; found: string }[];
  const store = checks.find(({ check }) => check === 'store of engine');
  assert.equal(store?.state, 'good');
  assert.match(store.found, /^(Elasticsearch|OpenSearch) [0-9.]+ answers$/);

  const verify = () => {
    const { status, lines } = millrace('verify', 'engine');
    return { status, ...lines[0].total };
  };
  assert.deepEqual(verify(), { status: 0, ...GOOD });
  const [first] = await documentsOf(node, indices);
  const { _index, _id, _source } = first!;
  await node.ask('DELETE', `/${_index}/_doc/${_id}`);
  assert.deepEqual(verify(), { status: 1, ...GOOD, stored: EVENTS - 1, lost: 1 });
  await node.ask('PUT', `/${_index}/_doc/${_id}`, { ..._source, title: 'another' });
  assert.deepEqual(verify(), { status: 1, ...GOOD, stored: EVENTS - 1, corrupt: 1 });
  await node.ask('PUT', `/${_index}/_doc/${_id}`, _source);
  await node.ask('PUT', `/${prefix}-2020.01.01/_doc/${_id}`, _source);
  assert.deepEqual(verify(), { status: 1, ...GOOD, doubled: 1 });
  await node.ask('DELETE', `/${prefix}-2020.01.01`);
  await node.ask('PUT', `/${_index}/_doc/of-nobody`, { ..._source, id: 'of-nobody' });
  assert.deepEqual(verify(), { status: 1, ...GOOD, unexpected: 1 });
});
