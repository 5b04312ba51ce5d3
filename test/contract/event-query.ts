import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import type { EventQuery } from '../../src/sinks/event-query.ts';
import { MillraceError } from '../../src/support/errors.ts';

/** A store filled with events, that can be asked; `undefined` where the test was skipped. */
export type FillAndOpen = (
  t: TestContext,
  events: readonly (Record<string, unknown> & { readonly id: string })[],
) => Promise<EventQuery | undefined>;

const START = Date.UTC(2026, 10, 22, 12);
const MINUTE = 60_000;

const at = (minute: number) => new Date(START + minute * MINUTE).toISOString();
const EVENTS = [
  { id: 'e0', type: 'select-color', timestamp: at(0), userName: 'Alice', colorName: 'red' },
  { id: 'e1', type: 'select-color', timestamp: at(1), userName: '김민수', colorName: '하늘색 파랑' },
  {
    id: 'e2',
    type: 'page-view',
    timestamp: at(2),
    userName: 'Bob',
    properties: { city: 'Zürich', tags: ['new', 'vip'] },
  },
  { id: 'e3', type: 'select-color', timestamp: at(3), userName: 'alice', colorName: 'RED', amount: 12, done: true },
  { id: 'e4', type: 'page-view', timestamp: at(3), userName: 'Carol', page: '/products/12', amount: '12' },
  { id: 'e5', type: 'page-view', timestamp: at(7), userName: 'Dan', 'odd"name.x': 'it\'s "odd"', amount: 0.5 },
];

/** The same questions get the same answers, whichever store they are put to. */
export function eventQueryContract(name: string, open: FillAndOpen): void {
  const ids = async (query: EventQuery, filter: Parameters<EventQuery['events']>[0]) =>
    (await query.events(filter, { limit: 100 })).events.map(({ id }) => id);

  test(`${name}: newest first, as they were stored`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    const { events, next } = await query.events({}, { limit: 100 });
    assert.deepEqual(new Set(events.map(({ id }) => id)), new Set(EVENTS.map(({ id }) => id)));
    const times = events.map((event) => String(event['timestamp']));
    assert.deepEqual(times, times.toSorted().reverse());
    assert.deepEqual({ ...events.at(-1) }, EVENTS[0]);
    assert.equal(next, undefined);
  });

  test(`${name}: by time, from inclusive and to exclusive, and by type`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    assert.deepEqual(await ids(query, { from: START + MINUTE, to: START + 3 * MINUTE }), ['e2', 'e1']);
    assert.deepEqual(await ids(query, { type: 'select-color' }), ['e3', 'e1', 'e0']);
    assert.deepEqual(await ids(query, { type: 'select-color', from: START + 2 * MINUTE }), ['e3']);
    assert.deepEqual(await ids(query, { type: 'no-such' }), []);
  });

  test(`${name}: by words, whole or prefix, in any case and script`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['alice', ['e3', 'e0']],
      ['ALICE red', ['e3', 'e0']],
      ['alic', []],
      ['alic*', ['e3', 'e0']],
      ['파랑', ['e1']],
      ['하늘*', ['e1']],
      ['하늘', []],
      ['zürich', ['e2']],
      ['ZÜR*', ['e2']],
      ['zurich', []],
      ['vip', ['e2']],
      ['alice bob', []],
      ['products/12', ['e4']],
      ['select-color', []],
      ['', ['e5', 'e4', 'e3', 'e2', 'e1', 'e0']],
    ];
    for (const [text, found] of expected) {
      const answer = await ids(query, { text });
      assert.deepEqual(new Set(answer), new Set(found), text);
      assert.equal(answer.length, found.length, text);
    }
  });

  test(`${name}: what looks like a query language is plain text`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    for (const text of [
      '-alice',
      '"alice',
      'alice"',
      "alice'",
      'userName:alice',
      '(alice',
      'alice)',
      '^alice',
      '+alice',
    ]) {
      const found = text.startsWith('userName') ? [] : ['e3', 'e0'];
      assert.deepEqual(await ids(query, { text }), found, text);
    }
    for (const text of ['alice OR bob', 'alice AND red', 'NOT alice', 'NEAR(alice red)', 'alice\0bob', '%', '* *']) {
      await ids(query, { text });
    }
    assert.deepEqual(await ids(query, { text: 'alice OR bob' }), []);
  });

  test(`${name}: by fields, compared as text`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    const where = (field: string, value: string) => ids(query, { where: [{ field, value }] });
    assert.deepEqual(await where('userName', 'alice'), ['e3']);
    assert.deepEqual(new Set(await where('amount', '12')), new Set(['e3', 'e4']));
    assert.deepEqual(await where('amount', '0.5'), ['e5']);
    assert.deepEqual(await where('done', 'true'), ['e3']);
    assert.deepEqual(await where('properties.city', 'Zürich'), ['e2']);
    assert.deepEqual(await where('odd"name.x', 'it\'s "odd"'), ['e5']);
    assert.deepEqual(await where('type', 'page-view'), ['e5', 'e4', 'e2']);
    assert.deepEqual(await where('id', 'e1'), ['e1']);
    assert.deepEqual(await where('colorName', '하늘색 파랑'), ['e1']);
    assert.deepEqual(await where('colorName', '파랑'), []);
    assert.deepEqual(await where('noSuch', 'x'), []);
    const both = [
      { field: 'amount', value: '12' },
      { field: 'userName', value: 'Carol' },
    ];
    assert.deepEqual(await ids(query, { where: both, text: 'products' }), ['e4']);
  });

  test(`${name}: pages that follow each other hold everything once`, async (t) => {
    const same = Array.from({ length: 25 }, (_, i) => ({
      id: `s${i}`,
      type: 't',
      timestamp: at(i % 3),
      word: 'often',
    }));
    const query = await open(t, same);
    if (!query) return;
    for (const filter of [{}, { type: 't' }, { text: 'often' }]) {
      const seen: string[] = [];
      let before: string | undefined;
      do {
        const page = await query.events(filter, { limit: 4, ...(before === undefined ? {} : { before }) });
        seen.push(...page.events.map(({ id }) => id));
        before = page.next;
      } while (before !== undefined);
      assert.equal(seen.length, same.length);
      assert.equal(new Set(seen).size, same.length);
    }
  });

  test(`${name}: histogram`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    assert.deepEqual(
      (await query.histogram({}, 2 * MINUTE)).map((bucket) => ({ ...bucket })),
      [
        { from: START, count: 2 },
        { from: START + 2 * MINUTE, count: 3 },
        { from: START + 6 * MINUTE, count: 1 },
      ],
    );
    assert.deepEqual(
      (await query.histogram({ text: 'red', from: START + MINUTE }, MINUTE)).map((bucket) => ({ ...bucket })),
      [{ from: START + 3 * MINUTE, count: 1 }],
    );
  });

  test(`${name}: breakdown`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    const items = async (...[filter, field, limit]: Parameters<EventQuery['breakdown']>) =>
      (await query.breakdown(filter, field, limit)).map(({ value, count }) => [value, count]);
    assert.deepEqual(
      new Set(await items({}, 'type', 10)),
      new Set([
        ['select-color', 3],
        ['page-view', 3],
      ]),
    );
    assert.deepEqual(await items({ type: 'page-view' }, 'properties.city', 10), [['Zürich', 1]]);
    assert.deepEqual(await items({}, 'properties', 10), []);
    assert.deepEqual(await items({ text: 'alice' }, 'done', 10), [['true', 1]]);
    assert.equal((await items({}, 'userName', 2)).length, 2);
    const counted = await items({}, 'amount', 10);
    assert.deepEqual(counted.at(0), ['12', 2]);
  });

  test(`${name}: questions beyond the bounds are refused with a code`, async (t) => {
    const query = await open(t, EVENTS);
    if (!query) return;
    const refused = (error: unknown) => error instanceof MillraceError && error.code === 'QUERY_INVALID';
    await assert.rejects(query.events({}, { limit: 0 }), refused);
    await assert.rejects(query.events({}, { limit: 1_001 }), refused);
    await assert.rejects(query.events({}, { limit: 10, before: "1' OR 1=1" }), refused);
    await assert.rejects(query.events({ text: 'x'.repeat(2_000) }, { limit: 1 }), refused);
    await assert.rejects(query.events({ from: Number.NaN }, { limit: 1 }), refused);
    const where = Array.from({ length: 17 }, () => ({ field: 'a', value: 'b' }));
    await assert.rejects(query.events({ where }, { limit: 1 }), refused);
    await assert.rejects(query.histogram({ from: START, to: START + 10 * MINUTE }, 1), refused);
    await assert.rejects(query.histogram({}, 0), refused);
    await assert.rejects(query.breakdown({}, '', 1), refused);
  });
}
