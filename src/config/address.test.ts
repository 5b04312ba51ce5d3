import assert from 'node:assert/strict';
import test from 'node:test';
import { address, formatAddress, parseAddress, urlOf } from './address.ts';
import { section } from './fields.ts';
import { readConfiguration } from './read.ts';

const schema = section({ listen: address({ description: 'Where' }) }, { description: 'All' });
const faultsOf = (listen: string) => readConfiguration(schema, JSON.stringify({ listen }), {}).faults;

test('an address has a host and a port that can be', () => {
  for (const good of [
    '127.0.0.1:0',
    '0.0.0.0:65535',
    'localhost:8080',
    'a-b.example:1',
    '[::1]:8080',
    '[fe80::1%eth0]:1',
  ])
    assert.deepEqual(faultsOf(good), [], good);
  const bad = ['', ':8080', '8080', 'localhost', 'localhost:', '127.0.0.1:65536', '127.0.0.1:80000', '127.0.0.1:-1'];
  for (const listen of [...bad, '::1:8080', '[]:1', '[1]:1', '[::1]', 'a b:1', 'http://localhost:1', 'a@b:1', 'a:1:2'])
    assert.equal(faultsOf(listen).length, 1, listen);
  assert.match(faultsOf('127.0.0.1:80000')[0]!.message, /must be an address and a port such as 127\.0\.0\.1:8080/);
});

test('addresses are taken apart and put together', () => {
  for (const listen of ['[::1]:0', 'localhost:8083', '[fe80::1%eth0]:1', '10.0.0.1:65535'])
    assert.equal(formatAddress(parseAddress(listen)), listen);
  assert.deepEqual(parseAddress('[::1]:0'), { host: '::1', port: 0 });
});

test('a server that listens everywhere is reached on this machine', () => {
  const url = (listen: string) => urlOf(parseAddress(listen), 'localhost');
  for (const everywhere of ['0.0.0.0:80', '0:80', '[::]:80', '[0:0:0:0:0:0:0:0]:80'])
    assert.equal(url(everywhere), 'http://localhost:80');
  assert.equal(urlOf({ host: '::', port: 80 }), 'http://127.0.0.1:80');
  assert.equal(url('[::1]:80'), 'http://[::1]:80');
  assert.equal(url('10.0.0.1:80'), 'http://10.0.0.1:80');
});
