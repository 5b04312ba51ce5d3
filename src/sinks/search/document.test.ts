import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isRefusal } from '../row.ts';
import { SEPARATOR, toDocument, toEvent } from './document.ts';

const record = (event: object) => ({ offset: 7, timestamp: 1_000, value: Buffer.from(JSON.stringify(event)) });

function documentOf(event: object) {
  const document = toDocument(record(event), 'topic-1+0');
  if (isRefusal(document)) throw new Error(document.reason);
  const source = JSON.parse(document.source) as Record<string, unknown> & {
    _millrace: { words: string[]; fields: string[] };
  };
  return { ...document, source };
}

test('an event comes back as it was, whatever its fields are called', () => {
  const event = {
    id: 'a',
    type: 't',
    timestamp: '2026-11-22T12:00:00.000Z',
    '@timestamp': 5,
    _millrace: { words: 1 },
    x: [1],
  };
  assert.deepEqual(toEvent(documentOf(event).source), event);
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.jsonValue(),
      ),
      (own) => {
        const any = { ...(JSON.parse(JSON.stringify(own)) as object), id: 'a', type: 't' };
        assert.deepEqual({ ...toEvent(documentOf(any).source) }, any);
      },
    ),
  );
});

test('an event stands on one line and comes back as it was, however its text is laid out', () => {
  const times = { receivedAt: '2026-11-22T12:00:00.000Z', sentTimestamp: '2026-11-22T11:59:59.000Z' };
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.jsonValue(),
      ),
      fc.constantFrom(undefined, ' ', '\n', '\r\n\t'),
      fc.constantFrom('@timestamp', '_millrace', 'page'),
      (own, space, name) => {
        const event = JSON.parse(JSON.stringify({ ...own, [name]: 1, id: 'a', type: 't', ...times })) as object;
        const value = Buffer.from(`${space ?? ''}${JSON.stringify(event, undefined, space)}${space ?? ''}`);
        const document = toDocument({ offset: 7, timestamp: 1_000, value }, 'topic-1+0');
        if (isRefusal(document)) throw new Error(document.reason);
        assert.ok(!document.source.includes('\n'));
        assert.deepEqual({ ...toEvent(JSON.parse(document.source) as Record<string, unknown>) }, event);
      },
    ),
  );
});

test('a record without an id gets one of its place', () => {
  assert.equal(documentOf({ type: 't' }).id, 'topic-1+0+7');
});

test('fields are those that a dotted path leads to, each with its value as text', () => {
  const event = {
    id: 'a',
    type: 't',
    n: 12,
    on: true,
    deep: { er: 'x', list: [1], none: null },
    'a.b': 1,
    a: { b: 2, c: 3 },
    'p.q': { r: 1 },
  };
  const fields = documentOf(event).source._millrace.fields.map((field) => field.split(SEPARATOR).join('='));
  assert.deepEqual(fields.sort(), ['a.b=1', 'a.c=3', 'deep.er=x', 'id=a', 'n=12', 'on=true', 'type=t']);
});

test('no word and no field is longer than the store takes', () => {
  const { words, fields } = documentOf({ id: 'a', type: 't', long: '긴'.repeat(40_000) }).source._millrace;
  for (const term of [...words, ...fields]) assert.ok(Buffer.byteLength(term) <= 32_766);
});

test('an id that would break a whole request is refused', () => {
  const refused = toDocument(record({ id: 'ä'.repeat(257), type: 't' }), 'p');
  assert.ok(isRefusal(refused) && refused.code === 'EVENT_ID_TOO_LONG');
});
