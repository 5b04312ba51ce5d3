import assert from 'node:assert/strict';
import test from 'node:test';
import { readConfiguration } from '../../../../config/read.ts';
import { cautionsOfHdfsStore, checkHdfsStoreConfig, hdfsStoreConfig } from './config.ts';

const SECRETS = {
  basic: { user: 'u', password: 'p' },
  bearer: 'b',
  delegationToken: 'd',
  headers: { 'X-Token': 't' },
};

function configWith(given: object, namenodes = ['http://namenode:9870']) {
  const { value, faults } = readConfiguration(
    hdfsStoreConfig,
    JSON.stringify({ namenodes, path: '/events', ...given }),
    {},
  );
  assert.deepEqual(faults, []);
  return value;
}

test('a request carries one Authorization', () => {
  const { basic, bearer } = SECRETS;
  for (const one of [{}, { basic }, { bearer }, { headers: { Authorization: 'x' } }, { headers: SECRETS.headers }])
    assert.deepEqual(checkHdfsStoreConfig(configWith(one)), []);
  for (const two of [
    { basic, bearer },
    { basic, headers: { authorization: 'x' } },
  ])
    assert.equal(checkHdfsStoreConfig(configWith(two)).length, 1);
  assert.match(checkHdfsStoreConfig(configWith({ basic, bearer }))[0] ?? '', /basic and bearer/);
});

test('a secret over plain http to another machine is worth a warning, which does not tell it', () => {
  for (const [name, secret] of Object.entries(SECRETS)) {
    const given = { [name]: secret };
    const [caution = ''] = cautionsOfHdfsStore(configWith(given, ['https://a:9871', 'http://b:9870']));
    assert.ok(caution.includes(`sends ${name} to b:9870 over`), caution);
    for (const safe of [['https://namenode:9871'], ['http://127.0.0.1:9870'], ['http://[::1]:9870']])
      assert.deepEqual(cautionsOfHdfsStore(configWith(given, safe)), []);
  }
  assert.deepEqual(cautionsOfHdfsStore(configWith({ user: 'millrace' })), []);
});

test('an address that can be none is a fault of the configuration, not a crash', () => {
  assert.equal(checkHdfsStoreConfig(configWith({}, ['http://namenode:9870:1', 'http://namenode'])).length, 1);
});
