import assert from 'node:assert/strict';
import test from 'node:test';
import { checkAccess } from './config.ts';

const config = (listen: string, token?: string) => ({ listen, token, hosts: [] });

test('only the loopback address may do without a token', () => {
  for (const listen of ['127.0.0.1:8083', '127.9.9.9:0', '[::1]:8083', 'localhost:8083'])
    assert.deepEqual(checkAccess(config(listen)), [], listen);
  for (const listen of ['0.0.0.0:8083', '[::]:8083', '10.0.0.1:1', 'ops.example:1', '127.0.0.1.example:1']) {
    assert.equal(checkAccess(config(listen)).length, 1, listen);
    assert.deepEqual(checkAccess(config(listen, 'a-token-of-some-length')), [], listen);
  }
});
