import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isRefusal, isSameEvent, toRow } from './row.ts';

const record = (value: string | Uint8Array, headers?: Record<string, string>) => ({
  offset: 7,
  timestamp: 1_000,
  value: Buffer.from(value),
  ...(headers ? { headers } : {}),
});

test('an event becomes a row', () => {
  const event = {
    id: 'a',
    type: 'select-color',
    timestamp: '2026-11-22T12:00:00.250Z',
    userName: 'Kim',
    deep: { list: ['초록'] },
  };
  assert.deepEqual(toRow(record(JSON.stringify(event)), 't+0'), {
    offset: 7,
    id: 'a',
    type: 'select-color',
    timestamp: Date.UTC(2026, 10, 22, 12, 0, 0, 250),
    value: JSON.stringify(event),
    event,
    words: 'kim 초록',
  });
});

test('what another producer left out is taken from the record', () => {
  const row = toRow(record('{"a":1}', { type: 'click' }), 't+0');
  assert.ok(!isRefusal(row));
  assert.deepEqual([row.id, row.type, row.timestamp], ['t+0+7', 'click', 1_000]);
});

test('a value of another producer is written anew, so that equal values are equal texts', () => {
  const row = toRow(record('{ "id": "\\u0061", "type": "b", "n": 1.0, "n": 12.50 }'), 't+0');
  assert.ok(!isRefusal(row));
  assert.equal(row.value, '{"id":"a","type":"b","n":12.5}');
});

test('a record that is no event is refused, and never throws', () => {
  for (const field of ['x', 'userAgent', 'timestamp']) {
    const deep = `{"id":"a","type":"b","${field}":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    assert.equal(codeOf(deep), 'RECORD_TOO_DEEP', field);
  }
  for (const value of [
    '',
    'x',
    '[]',
    '1',
    'null',
    '"a"',
    '{"id":1,"type":"b"}',
    '{"id":"a"}',
    '{"id":"a\\u0000","type":"b"}',
  ]) {
    assert.equal(codeOf(value), 'RECORD_NOT_AN_EVENT', value);
  }
  assert.equal(codeOf('{"id":"\\ud800","type":"b"}'), 'RECORD_NOT_AN_EVENT');
  assert.equal(codeOf(Buffer.from([0x7b, 0xff, 0x7d])), 'RECORD_NOT_AN_EVENT');
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void toRow(record(bytes), 't+0')));
  fc.assert(fc.property(fc.json(), (json) => void toRow(record(json), 't+0')));

  function codeOf(value: string | Uint8Array) {
    const row = toRow(record(value), 't+0');
    return isRefusal(row) ? row.code : undefined;
  }
});

test('an event sent again is the same, whatever the collector set anew', () => {
  const event = { id: 'a', sentTimestamp: 's', timestamp: 't', receivedAt: 'r', x: 1 };
  const same = (other: object) => isSameEvent(JSON.stringify(event), JSON.stringify(other));
  assert.ok(same({ ...event, timestamp: 'T', receivedAt: 'R' }));
  assert.ok(same({ x: 1, id: 'a', sentTimestamp: 's' }));
  assert.ok(!same({ ...event, x: 2 }));
  assert.ok(!same({ ...event, sentTimestamp: 'S' }));
  assert.ok(!same({ ...event, y: 1 }));
});
