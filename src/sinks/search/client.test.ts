import assert from 'node:assert/strict';
import test from 'node:test';
import { FaultProxy } from '../../../test/engines/proxy.ts';
import { FakeSearch } from '../../../test/support/fake-search.ts';
import { SearchClient } from './client.ts';

const NOBODY = { username: undefined, password: undefined, apiKey: undefined, token: undefined, ca: undefined };

test('a request may take its time on a slow line, and no more', async (t) => {
  const fake = await FakeSearch.start(t);
  const proxy = await FaultProxy.start({ target: new URL(fake.url).host });
  t.after(() => proxy.close());
  const cluster = { product: 'opensearch', nodes: [`http://${proxy.address}`], ...NOBODY } as const;
  const timeoutMs = 200;
  const client = new SearchClient({ cluster, gzip: false, timeoutMs });
  t.after(() => client.close());
  const body = JSON.stringify({ docs: [], filler: 'x'.repeat(24_000) });
  const ask = () => client.ask({ method: 'POST', path: '/_mget', body });

  proxy.narrow(32_000);
  const start = performance.now();
  assert.equal((await ask()).status, 200);
  assert.ok(performance.now() - start > timeoutMs, 'the line is not slow: the test shows nothing');
  proxy.swallow();
  await assert.rejects(ask(), /no answer in time/);
});
