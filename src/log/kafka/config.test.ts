import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAddress } from '../../config/address.ts';
import { readConfiguration } from '../../config/read.ts';
import { checkKafkaConfig, kafkaLogConfig, unsafeIn } from './config.ts';

function read(text: string) {
  const { value, faults } = readConfiguration(kafkaLogConfig, text, {});
  return faults.length > 0 ? faults.map(({ path }) => path) : checkKafkaConfig(value);
}

test('brokers are all that is needed', () => {
  assert.deepEqual(read('brokers: ["kafka:9092", "10.0.0.1:9092", "[::1]:9092"]'), []);
  assert.deepEqual(parseAddress('[::1]:9092'), { host: '::1', port: 9092 });
  assert.deepEqual(parseAddress('kafka-1.example.org:9093'), { host: 'kafka-1.example.org', port: 9093 });
});

test('what is no broker is a fault', () => {
  for (const broker of ['kafka', 'kafka:', ':9092', 'http://kafka:9092', 'a b:9092', 'kafka:123456']) {
    assert.deepEqual(read(`brokers: [${JSON.stringify(broker)}]`), ['brokers.0']);
  }
  assert.deepEqual(read('brokers: []').length, 1);
  assert.match(read('brokers: ["kafka:0"]')[0]!, /kafka:0 names no port/);
});

for (const [settings, fault] of [
  ['idempotent: true', /needs acks/],
  ['group: { sessionTimeout: 6s, heartbeatInterval: 3s }', /at most a third/],
  ['tls: { cert: c.pem }', /go together/],
  ['sasl: { username: u }', /needs sasl.username and sasl.password/],
  ['sasl: { username: u, password: p, token: t }', /are for sasl.mechanism OAUTHBEARER/],
  ['sasl: { mechanism: OAUTHBEARER }', /either sasl.token or sasl.tokenEndpoint/],
  ['sasl: { mechanism: OAUTHBEARER, tokenEndpoint: "https://a/t" }', /client secret/],
] as const) {
  test(`${settings} is a fault`, () => {
    const faults = read(`brokers: ["k:1"]\n${settings}`);
    assert.equal(faults.length, 1, String(faults));
    assert.match(faults[0]!, fault);
  });
}

test('settings that belong together are taken', () => {
  for (const settings of [
    'acks: 1',
    'acks: all\nidempotent: true',
    'tls: {}\nsasl: { mechanism: PLAIN, username: u, password: p }',
    'sasl: { username: u, password: p }',
    'sasl: { mechanism: OAUTHBEARER, token: t }',
  ]) {
    assert.deepEqual(read(`brokers: ["k:1"]\n${settings}`), []);
  }
});

test('what the network could read or forge is warned of', () => {
  const warnings = (settings: string) =>
    unsafeIn(readConfiguration(kafkaLogConfig, `brokers: ["k:1"]\n${settings}`, {}).value).length;
  assert.equal(warnings(''), 0);
  assert.equal(warnings('sasl: { username: u, password: p }'), 0);
  assert.equal(warnings('sasl: { mechanism: PLAIN, username: u, password: p }'), 1);
  assert.equal(warnings('tls: {}\nsasl: { mechanism: PLAIN, username: u, password: p }'), 0);
  assert.equal(warnings('tls: { rejectUnauthorized: false }'), 1);
  assert.equal(warnings('tls: {}\nsasl: { mechanism: OAUTHBEARER, tokenEndpoint: "http://a/t" }'), 1);
});
