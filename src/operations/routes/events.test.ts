import assert from 'node:assert/strict';
import test from 'node:test';
import { TestClock } from '../../../test/support/clock.ts';
import type { FakeOperations } from '../../../test/support/operations.ts';
import { operationsServer } from '../../../test/support/operations-server.ts';
import { until } from '../../../test/support/until.ts';
import { systemClock } from '../../support/clock.ts';
import type { BreakdownReply } from '../schemas.ts';

function colours(operations: FakeOperations): void {
  operations.events = [
    { id: '1', type: 'select-color', timestamp: '2026-11-22T11:00:00.000Z', colorName: 'red', userName: 'Kim' },
    { id: '2', type: 'select-color', timestamp: '2026-11-22T11:30:00.000Z', colorName: 'blue', userName: 'Lee' },
    { id: '3', type: 'page-view', timestamp: '2026-11-22T11:31:00.000Z', colorName: 'red', userName: 'a:b' },
  ];
}

test('events are found by time, type, text and fields, page by page', async (t) => {
  const { operations, ask } = operationsServer(t);
  colours(operations);
  const from = '2026-11-22T20:30:00%2B09:00';
  const ids = async (query: string) =>
    (await ask(`/api/events?${query}`)).json().events.map(({ id }: { id: string }) => id);
  assert.deepEqual(await ids(''), ['3', '2', '1']);
  assert.deepEqual(await ids(`from=${from}&to=${Date.parse('2026-11-22T11:31:00Z')}`), ['2']);
  assert.deepEqual(await ids('from=2026-11-22T20:30:00+09:00'), ['3', '2']);
  assert.deepEqual(await ids('type=select-color&where=colorName:red'), ['1']);
  assert.deepEqual(await ids('where=userName:a:b&where=type:page-view'), ['3']);
  assert.deepEqual(operations.filters.at(-1)?.where, [
    { field: 'userName', value: 'a:b' },
    { field: 'type', value: 'page-view' },
  ]);
  const first = (await ask('/api/events?limit=2')).json();
  assert.deepEqual((await ask(`/api/events?limit=2&before=${first.next}`)).json().events.length, 1);
});

test('a histogram chooses buckets that fit its range', async (t) => {
  const clock = new TestClock();
  const { operations, ask } = operationsServer(t, {}, clock);
  colours(operations);
  const day = (await ask('/api/events/histogram')).json();
  assert.equal(day.to, clock.now());
  assert.equal(day.to - day.from, 86_400_000);
  assert.equal(day.intervalMs, 900_000);
  assert.deepEqual(
    day.buckets.map(({ count }: { count: number }) => count),
    [1, 2],
  );
  const chosen = (await ask(`/api/events/histogram?from=${clock.now() - 60_000}&interval=60`)).json();
  assert.equal(chosen.intervalMs, 60);
  assert.equal((await ask('/api/events/histogram?from=0&to=1000000&interval=1')).status, 400);
});

test('a breakdown counts values of a field', async (t) => {
  const { operations, ask } = operationsServer(t);
  colours(operations);
  assert.deepEqual((await ask('/api/events/breakdown?field=colorName')).json(), {
    field: 'colorName',
    values: [
      { value: 'red', count: 2, where: 'colorName:red' },
      { value: 'blue', count: 1, where: 'colorName:blue' },
    ],
  });
});

test('a breakdown offers a condition only where it can be asked', async (t) => {
  const { operations, ask } = operationsServer(t);
  const longest = 'x'.repeat(2_000 - 'note:'.length);
  const names = { note: ['a:b', longest, `${longest}x`, '\u{1f600}', 'nul\u0000'], 'with:colon': ['a'] };
  for (const [field, values] of Object.entries(names)) {
    operations.events = values.map((value, index) => ({ id: `${index}`, type: 't', timestamp: 0, [field]: value }));
    const reply = await ask(`/api/events/breakdown?field=${encodeURIComponent(field)}`);
    for (const { value, where } of (reply.json() as BreakdownReply).values) {
      const asked = encodeURIComponent(where ?? `${field}:${value}`);
      assert.equal((await ask(`/api/events?where=${asked}`)).status, where === undefined ? 400 : 200, value.slice(-9));
    }
  }
});

test('every parameter has bounds, and an unknown one is refused', async (t) => {
  const { ask, operations } = operationsServer(t);
  const refused = [
    '/api/events?limit=0',
    '/api/events?limit=1001',
    '/api/events?limit=ten',
    '/api/events?form=1',
    '/api/events?from=yesterday',
    '/api/events?from=99999999999999999999',
    '/api/events?from=2&to=1',
    '/api/events?from=5&to=5',
    '/api/events?type=',
    `/api/events?type=${'x'.repeat(257)}`,
    `/api/events?text=${'x'.repeat(1001)}`,
    '/api/events?where=novalue',
    '/api/events?where=:value',
    `/api/events?where=a:${'x'.repeat(2000)}`,
    `/api/events?${'where=a:b&'.repeat(9)}`,
    `/api/events?before=${'x'.repeat(1025)}`,
    '/api/events?text=a&text=b',
    '/api/events/breakdown',
    '/api/events/breakdown?field=a%00b',
    '/api/events/breakdown?field=a&limit=101',
    '/api/dead-letters?refusedBy=../x',
    '/api/dead-letters/..%2f..%2fetc',
    '/api/tail/a%20b',
    '/api/tail/a?from=never',
  ];
  for (const url of refused) {
    const { status, json } = await ask(url);
    assert.equal(status, 400, url);
    const { error } = json();
    assert.equal(error.code, 'REQUEST_INVALID', url);
    assert.ok(error.message.length < 300 && error.help.length > 0);
  }
  assert.deepEqual(operations.filters, []);
});

test('without a searchable store the answer says so', async (t) => {
  const { ask } = operationsServer(t, {}, systemClock, (operations) => {
    operations.searchable = false;
  });
  const { status, json } = await ask('/api/events');
  assert.equal(status, 404);
  assert.equal(json().error.code, 'SEARCH_NOT_CONFIGURED');
});

test('a question that hangs is answered at its deadline', async (t) => {
  const clock = new TestClock();
  const { ask, operations } = operationsServer(t, {}, clock);
  operations.readStatus = () => new Promise(() => {});
  const answers = Array.from({ length: 9 }, () => ask('/api/status'));
  await until('eight questions wait', () => clock.sleeping === 8);
  clock.advance(10_000);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [503, ...Array(8).fill(504)]);
});
