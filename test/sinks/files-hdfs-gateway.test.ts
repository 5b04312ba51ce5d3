/** Loading into a real HDFS through a gateway that wants https and credentials. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { HdfsStoreConfig } from '../../src/sinks/files/stores/hdfs/config.ts';
import { makeAuthority, makeCertificate } from '../engines/certificates.ts';
import { Gateway } from '../engines/gateway.ts';
import { hdfsStoreConfigFor } from '../engines/hdfs-config.ts';
import { hdfsOrSkip } from '../engines/hdfs-test.ts';
import { orSkip } from '../engines/or-skip.ts';
import { HdfsLoading } from '../support/hdfs-loading.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const HOST = 'localhost';
const NOTHING_WRONG = { lost: 0, doubled: 0 };
const BASIC = { user: 'loader', password: 'hunter2 :/@' };

/** A gateway in front of the HDFS of the tests, and what a connector needs to get through it. */
async function gatewayOrSkip(t: TestContext, authorization: string) {
  const hdfs = await hdfsOrSkip(t);
  if (!hdfs) return undefined;
  const directory = temporaryDirectory(t);
  const authority = await orSkip(t, 'OpenSSL', () => makeAuthority(directory, 'authority'));
  if (!authority) return undefined;
  const gateway = await Gateway.start(hdfs, await makeCertificate(directory, HOST, authority), authorization);
  t.after(() => gateway.close());
  const config = (given: Partial<HdfsStoreConfig>, host = HOST): HdfsStoreConfig => ({
    ...hdfsStoreConfigFor(hdfs, { namenodes: [gateway.url(host)], ca: authority.cert, ...given }),
    user: undefined,
  });
  return { hdfs, gateway, config, directory };
}

const basicOf = ({ user, password }: typeof BASIC) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

for (const [name, authorization, credentials] of [
  ['a password', basicOf(BASIC), { basic: BASIC }],
  ['a token', 'Bearer token-1', { bearer: 'token-1' }],
] as const) {
  test(`files go through a gateway with ${name}, and wait while it can't serve`, async (t) => {
    const given = await gatewayOrSkip(t, authorization);
    if (!given) return;
    const { gateway, config } = given;
    const store = config(credentials);
    const loading = await HdfsLoading.start(t, store);
    await loading.progress();
    assert.ok(gateway.uploads > 0);
    gateway.away = true;
    assert.match(await loading.meets('FILES_STORE_UNAVAILABLE', 'RUNNING'), /HTTP status 503/);
    gateway.away = false;
    await loading.progress();
    assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
  });
}

test('a token that has expired stops the connector, and is not told', async (t) => {
  const given = await gatewayOrSkip(t, 'Bearer token-1');
  if (!given) return;
  const { gateway, config } = given;
  const loading = await HdfsLoading.start(t, config({ bearer: 'token-1' }));
  await loading.progress();
  gateway.authorization = 'Bearer token-2';
  assert.doesNotMatch(await loading.meets('FILES_HDFS_USER', 'FAILED'), /token-1/);
  gateway.authorization = 'Bearer token-1';
  loading.restart();
  await loading.progress();
  assert.deepEqual(await loading.copies(t.signal), NOTHING_WRONG);
});

test('nothing is said to a gateway that can not prove who it is', async (t) => {
  const given = await gatewayOrSkip(t, basicOf(BASIC));
  if (!given) return;
  const { gateway, config, directory } = given;
  const [other, garbage] = [await makeAuthority(directory, 'other'), path.join(directory, 'garbage.crt')];
  writeFileSync(garbage, '-----BEGIN CERTIFICATE-----\nno certificate\n-----END CERTIFICATE-----\n');
  const unknown = { ...config({ basic: BASIC }), ca: undefined };
  const untrusted = {
    'an authority that nobody knows': unknown,
    'another authority': { ...unknown, ca: other.cert },
    'another name': config({ basic: BASIC }, '127.0.0.1'),
    'a file that is not there': { ...unknown, ca: path.join(directory, 'nowhere') },
    'a file that is no certificate': { ...unknown, ca: garbage },
  };
  for (const [what, store] of Object.entries(untrusted)) {
    const loading = await HdfsLoading.start(t, store);
    assert.doesNotMatch(await loading.meets('FILES_HDFS_TLS', 'FAILED'), /hunter/, what);
  }
  assert.equal(gateway.uploads, 0);
  const wrong = await HdfsLoading.start(t, config({ basic: { ...BASIC, password: 'hunter3' } }));
  assert.doesNotMatch(await wrong.meets('FILES_HDFS_USER', 'FAILED'), /hunter/);
});
