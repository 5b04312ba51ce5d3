import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { EventRules } from './canonical.ts';
import { canonicalEvent, readEvent } from './canonical.ts';
import { COLLECTOR_FIELDS } from './event.ts';

const RULES: EventRules = { bytes: 65_536, depth: 16, fields: 256, pastMs: 86_400_000, futureMs: 60_000 };
const NOW = Date.UTC(2026, 10, 22, 12);
const STAMP = { receivedAt: NOW, userAgentJson: '"test"', clientAddress: undefined };

function canonical(event: object | string): { value: Record<string, unknown>; text: string; timestamp: number } {
  const input = readEvent(typeof event === 'string' ? event : JSON.stringify(event), RULES);
  assert.ok(typeof input !== 'string', `refused: ${JSON.stringify(input)}`);
  const stored = canonicalEvent(input, STAMP, RULES);
  assert.ok(typeof stored !== 'string', `refused: ${JSON.stringify(stored)}`);
  const text = stored.value.toString();
  return { value: JSON.parse(text) as Record<string, unknown>, text, timestamp: stored.timestamp };
}

test('fields stand in the order that is promised', () => {
  const { value } = canonical({ zebra: 1, timestamp: NOW, type: 'a', apple: 2, id: 'x', sentAt: NOW });
  const order = ['id', 'type', 'timestamp', 'receivedAt', 'userAgent', 'sentTimestamp', 'zebra', 'apple'];
  assert.deepEqual(Object.keys(value), order);
});

test('without a timestamp the event happened when it arrived, and nothing is said to have been sent', () => {
  const { value, timestamp } = canonical({ type: 'a' });
  assert.equal(timestamp, NOW);
  assert.equal(value['timestamp'], '2026-11-22T12:00:00.000Z');
  assert.ok(!('sentTimestamp' in value));
  assert.match(String(value['id']), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
});

test('a wrong clock is corrected by sentAt, and the sent time kept as it was', () => {
  const sent = '2020-01-01T09:00:00+09:00';
  const { value, timestamp } = canonical({ type: 'a', timestamp: sent, sentAt: '2020-01-01T00:00:05Z' });
  assert.equal(timestamp, NOW - 5000);
  assert.equal(value['sentTimestamp'], sent);
  assert.ok(!('sentAt' in value));
});

test('times are kept within the bounds', () => {
  assert.equal(canonical({ type: 'a', timestamp: 0 }).timestamp, NOW - RULES.pastMs);
  assert.equal(canonical({ type: 'a', timestamp: NOW * 2 }).timestamp, NOW + RULES.futureMs);
  assert.equal(canonical({ type: 'a', timestamp: NOW, sentAt: 0 }).timestamp, NOW + RULES.futureMs);
});

/** JSON of any shape, wild strings and keys included. */
const anything = fc.jsonValue({ maxDepth: 5, noUnicodeString: false });
const wildString = fc.string({ unit: 'binary' });
const wild = fc.dictionary(wildString, fc.oneof(anything, wildString, fc.array(wildString), fc.double()), {
  maxKeys: 12,
});

test('any JSON object is either refused or stored in a form that every store takes and that stays as it is', () => {
  let stored = 0;
  fc.assert(
    fc.property(wild, (own) => {
      const sent = JSON.stringify({ ...own, type: 'a', id: 'x', timestamp: undefined, sentAt: undefined });
      if (typeof readEvent(sent, RULES) === 'string') return;
      stored++;
      const first = canonical(sent);
      assert.ok(first.text.isWellFormed() && !first.text.includes('\\u0000') && !first.text.includes('\n'));
      assert.ok(!first.text.includes('\\ud'), 'an escaped half of a surrogate pair');
      const again = canonical(first.text);
      for (const field of ['timestamp', ...COLLECTOR_FIELDS]) {
        delete first.value[field];
        delete again.value[field];
      }
      assert.deepEqual(again.value, first.value);
      for (const key of Object.keys(first.value)) assert.ok(key.isWellFormed());
    }),
    // About a quarter are stored.
    { numRuns: 400 },
  );
  assert.ok(stored > 20, `only ${stored} events were stored: the test proves little`);
});

test('an event may have fields named like the methods of objects', () => {
  const { value } = canonical('{"type":"a","toString":0,"valueOf":1,"toJSON":2}');
  const { toString: text, valueOf: plain, toJSON } = value;
  assert.deepEqual([text, plain, toJSON], [0, 1, 2]);
});

test('any text at all is read or refused, and never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readEvent(text, RULES)));
});

test('an event of its own shape changes no prototype', () => {
  readEvent('{"type":"a","constructor":{"prototype":{"polluted":1}}}', RULES);
  readEvent('{"type":"a","__proto__":{"polluted":1}}', RULES);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});
