import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestClock } from '../../../test/support/clock.ts';
import { operationsServer } from '../../../test/support/operations-server.ts';
import { until } from '../../../test/support/until.ts';

test('the status streams once a second to everyone, and says when it can not be read', async (t) => {
  const clock = new TestClock();
  const { server, operations } = operationsServer(t, {}, clock);
  const { url } = await server.listen();
  let reads = 0;
  operations.readStatus = async () => {
    reads++;
    if (reads === 2) throw new Error('gone');
    return operations.current;
  };
  const watchers = await Promise.all([1, 2].map(() => watch(t, `${url}/api/status/stream`)));
  await until('both have the first status', () => watchers.every(({ text }) => text().includes('event: status')));
  await until('the stream sleeps', () => clock.sleeping === 1);
  clock.advance(1_000);
  await until('both hear of it', () => watchers.every(({ text }) => text().includes('event: unavailable')));
  assert.ok(!watchers[0]?.text().includes('gone'));
  await until('the stream sleeps', () => clock.sleeping === 1);
  clock.advance(1_000);
  await until('the status is back', () => watchers.every(({ text }) => text().split('event: status').length === 3));
  assert.equal(reads, 3, 'read once for all watchers');
});

test('a tail sends each record as a line, until its reader goes', async (t) => {
  const { server, operations } = operationsServer(t);
  operations.records = [1, 2].map((offset) => ({
    topic: 'select-color',
    partition: 0,
    offset,
    timestamp: 5,
    value: Buffer.from('{"a":"한"}'),
    headers: { type: 'select-color' },
  }));
  const { url } = await server.listen();
  const tail = await watch(t, `${url}/api/tail/select-color?from=earliest`);
  await until('both records are there', () => tail.text().split('\n').length === 3);
  const [first] = tail.text().split('\n');
  assert.deepEqual(JSON.parse(first ?? ''), { ...operations.records[0], value: '{"a":"한"}' });
  assert.deepEqual(operations.asked, ['tail select-color earliest']);
  tail.stop();
  await until('the source hears of it', () => operations.asked.includes('tail ended'));
  const missing = await fetch(`${url}/api/tail/missing`);
  assert.equal(missing.status, 404);
  assert.equal(((await missing.json()) as { error: { code: string } }).error.code, 'TOPIC_UNKNOWN');
});

test('readers of streams are bounded, and closing the server ends them', async (t) => {
  const { server } = operationsServer(t);
  const { url } = await server.listen();
  const tails = await Promise.all(Array.from({ length: 16 }, () => watch(t, `${url}/api/tail/a`)));
  const refused = await fetch(`${url}/api/tail/a`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  await server.close();
  await until('all have ended', () => tails.every(({ ended }) => ended()));
});

/** Reads a stream in the background. */
async function watch(t: TestContext, url: string) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const response = await fetch(url, { signal: stop.signal });
  assert.equal(response.status, 200);
  let text = '';
  let ended = false;
  void (async () => {
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk;
    } catch {
      // The test or the server has ended the stream.
    }
    ended = true;
  })();
  return { text: () => text, ended: () => ended, stop: () => stop.abort() };
}
