import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { TestClock } from '../../test/support/clock.ts';
import { RecordingIntake, testConfig } from '../../test/support/collector.ts';
import { exchange, requestBytes } from '../../test/support/raw-http.ts';
import type { Admission } from '../delivery/intake.ts';
import { Router } from '../event/routing.ts';
import { silentLogger } from '../support/logger.ts';
import { ClientAddresses } from './client-address.ts';
import { createCounters } from './counters.ts';
import { RequestHandler } from './handler.ts';
import { RepliesByOrigin } from './replies.ts';
import { EventSchemas } from './schemas.ts';

const ANSWERS: readonly { readonly admission: Admission; readonly status: number }[] = [
  { admission: { admitted: true }, status: 204 },
  { admission: { admitted: false, cause: 'buffer_full', retryAfterSeconds: 1 }, status: 503 },
];

for (const { admission, status } of ANSWERS) {
  test(`a ${status} is on its way before the handler returns`, async (t) => {
    const intake = new RecordingIntake();
    intake.answer = () => admission;
    const handler = new RequestHandler({
      ...{ config: testConfig(), clock: new TestClock(), logger: silentLogger, openapi: Buffer.alloc(0) },
      ...{ replies: new RepliesByOrigin(['*']), addresses: new ClientAddresses([]), stopping: () => false },
      pipeline: {
        ...{ intake, counters: createCounters(), schemas: new EventSchemas(new Map()) },
        router: new Router({ topics: {}, unknownTypes: 'accept', headersOf: (type) => ({ type }) }),
        rules: { bytes: 1000, depth: 4, fields: 10, pastMs: 1000, futureMs: 1000 },
      },
    });
    const ended: boolean[] = [];
    const server = http.createServer((request, response) => {
      handler.handle(request, response);
      ended.push(response.writableEnded);
    });
    t.after(() => server.close().closeAllConnections());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const reply = await exchange(port, requestBytes({ path: '/api/select?color=red' }));
    assert.equal(reply.status, status);
    assert.deepEqual(ended, [true]);
  });
}
