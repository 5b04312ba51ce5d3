import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { statusAt } from '../../test/support/operations.ts';
import { until } from '../../test/support/until.ts';
import { silentLogger } from '../support/logger.ts';
import { StatusStream } from './status-stream.ts';

test('a watcher that stops reading is dropped, and then nothing is read any more', async (t) => {
  const clock = new TestClock();
  const large = statusAt(0, { version: 'x'.repeat(1_000_000) });
  let reads = 0;
  const read = async () => {
    reads++;
    return large;
  };
  const stream = new StatusStream({ read, clock, logger: silentLogger });
  const server = createServer((_request, response) => stream.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    socket.destroy();
    stream.close();
    server.close();
  });
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await until('the watcher is there', () => stream.watchers === 1);
  await until('it is dropped', () => {
    if (clock.sleeping === 1) clock.advance(1_000);
    return stream.watchers === 0;
  });
  await until('the stream has noticed', () => {
    if (clock.sleeping === 0) return true;
    clock.advance(1_000);
    return false;
  });
  assert.ok(reads < 60, `${reads} statuses were written for someone who reads none`);
});
