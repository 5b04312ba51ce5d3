import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { until } from '../../test/support/until.ts';
import type { TailedRecord } from './sources.ts';
import { TailStreams } from './tail-stream.ts';

const record = (offset: number, bytes: number): TailedRecord => ({
  topic: 'web-events',
  partition: 0,
  offset,
  timestamp: 0,
  value: Buffer.alloc(bytes, 'x'),
});

/** Answers every request with a tail, and gives a socket that has asked. */
async function ask(t: TestContext, tails: TailStreams, tail: (signal: AbortSignal) => AsyncIterable<TailedRecord>) {
  const responses: ServerResponse[] = [];
  const server = createServer(async (_request, response) => {
    responses.push(response);
    await (await tails.start(tail)).sendTo(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let received = '';
  t.after(() => {
    socket.destroy();
    tails.close();
    server.close();
  });
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  return { socket, responses, received: () => received, read: () => socket.on('data', (chunk) => (received += chunk)) };
}

test('a reader who stops reading holds the log back, and is dropped in the end', async (t) => {
  const clock = new TestClock();
  let made = 0;
  let aborted = false;
  const { responses } = await ask(t, new TailStreams(clock), async function* (signal) {
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    for (;;) yield record(made++, 1_000_000);
  });
  // The heartbeat sleeps from the start; the second sleeper waits for a stalled reader.
  await until('the reader has stalled', () => made > 1 && clock.sleeping === 2);
  assert.ok(made < 100, `${made} records were taken for someone who reads none`);
  clock.advance(15_000);
  assert.equal(aborted, false);
  clock.advance(15_000);
  await until('it is dropped', () => aborted && responses[0]?.destroyed);
});

test('a quiet topic sends heartbeats, and a late failure is the last line', async (t) => {
  const clock = new TestClock();
  const failure = Promise.withResolvers<never>();
  // biome-ignore lint/correctness/useYield: it fails before there is a record
  const { received, read } = await ask(t, new TailStreams(clock), async function* () {
    await failure.promise;
  });
  read();
  await until('the start has been waited for', () => clock.sleeping === 1);
  clock.advance(500);
  for (let beat = 1; beat <= 2; beat++) {
    await until('the heartbeat sleeps', () => clock.sleeping === 1);
    clock.advance(15_000);
    await until('the heartbeat has arrived', () => received().split('1\r\n\n\r\n').length === beat + 1);
  }
  failure.reject(new Error('password=hunter2'));
  await until('the failure has arrived', () => received().includes('"OPERATIONS_FAILED"'));
  assert.ok(!received().includes('hunter2'));
});
