import assert from 'node:assert/strict';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';
import * as apis from './apis.ts';
import { Writer } from './client.ts';
import { BrokerConnection } from './connection.ts';
import { fetchRequest } from './fetch.ts';

const TIMEOUT_MS = 10_000;

/** An answer to a Fetch of version 12 that holds these bytes for partition 0 of the topic `t`. */
function answerTo(correlationId: number, data: Buffer): Buffer {
  const writer = Writer.create().appendInt32(correlationId).appendTaggedFields();
  writer.appendInt32(0).appendInt16(0).appendInt32(0);
  writer.appendArray(['t'], (_, topic) => {
    writer.appendString(topic).appendArray([0], (_, partition) => {
      writer.appendInt32(partition).appendInt16(0).appendInt64(1n).appendInt64(1n).appendInt64(0n);
      writer.appendArray(null, () => {});
      writer.appendInt32(0).appendBytes(data);
    });
  });
  return writer.appendTaggedFields().prependLength().buffer;
}

/** A connection to a broker that answers once all of these are asked for, by a write of its own up to each place. */
async function connectionTo(t: TestContext, answers: readonly Buffer[], places: readonly number[]) {
  const answer = async (socket: Socket, ids: readonly number[]) => {
    const all = Buffer.concat(answers.map((data, index) => answerTo(ids[index]!, data)));
    for (const [index, place] of [...places, all.length].entries()) {
      await new Promise((resolve) => socket.write(all.subarray(places[index - 1] ?? 0, place), resolve));
      // Else the other end may find two writes in one piece.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const server = createServer((socket) => {
    let asked: Buffer = Buffer.alloc(0);
    const ids: number[] = [];
    socket.on('data', (chunk: Buffer) => {
      asked = Buffer.concat([asked, chunk]);
      while (asked.length >= 4 && asked.length >= 4 + asked.readInt32BE(0)) {
        ids.push(asked.readInt32BE(8));
        asked = asked.subarray(4 + asked.readInt32BE(0));
      }
      if (ids.length === answers.length) void answer(socket, ids);
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const connection = new BrokerConnection({ host: '127.0.0.1', port }, { clientId: 'test', connectTimeoutMs: 1_000 });
  t.after(() => {
    connection.destroy();
    server.close();
  });
  return connection;
}

function fetchFrom(connection: BrokerConnection): Promise<apis.FetchAnswer> {
  const leader = { node: 1, epoch: 0 };
  const from = { topic: 't', partition: 0, offset: 0, leader, lastEpoch: -1, maxBytes: 2 ** 20 };
  return connection.request(TIMEOUT_MS, apis.fetchRecords, ...fetchRequest([from], 0));
}

const dataOf = ({ partitions }: apis.FetchAnswer) => partitions[0]!.data;

test('the records of an answer outlast the answer after it that began in the same piece', async (t) => {
  const [first, second] = [Buffer.alloc(20_000, 'a'), Buffer.alloc(300_000, 'b')];
  const connection = await connectionTo(t, [first, second], [30_000]);
  const answers = await Promise.all([fetchFrom(connection), fetchFrom(connection)]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(answers.map(dataOf), [first, second]);
});

test('the pieces of an answer that were copied are freed', async (t) => {
  const data = Buffer.alloc(500_000, 'c');
  const freed: number[] = [];
  t.mock.method(ArrayBuffer.prototype, 'transfer', function (this: ArrayBuffer) {
    freed.push(this.byteLength);
    return new ArrayBuffer(0);
  });
  const connection = await connectionTo(t, [data], []);
  const answer = await fetchFrom(connection);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(dataOf(answer), data);
  const bytes = freed.reduce((sum, length) => sum + length, 0);
  assert.ok(bytes > data.length / 2 && bytes < data.length, `${bytes} bytes were freed`);
});
