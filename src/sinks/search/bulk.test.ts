import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import test from 'node:test';
import { TestClock } from '../../../test/support/clock.ts';
import { FakeSearch } from '../../../test/support/fake-search.ts';
import { FakeDeadLetters } from '../../../test/support/fake-sink-context.ts';
import { recordAt } from '../../../test/support/records.ts';
import { MillraceError } from '../../support/errors.ts';
import { isRefusal } from '../row.ts';
import type { Item } from './bulk.ts';
import { Bulk, toItem } from './bulk.ts';
import { SearchClient } from './client.ts';
import { toDocument } from './document.ts';
import { IndexNames } from './index-name.ts';

const RETRY_MS = 30_000;
const PLACE = 'topic-1+0';
const NODE = {
  product: 'elasticsearch',
  username: undefined,
  password: undefined,
  apiKey: undefined,
  token: undefined,
  ca: undefined,
} as const;
const { signal } = new AbortController();

function itemOf(record: ReturnType<typeof recordAt>): Item {
  const document = toDocument(record, PLACE);
  if (isRefusal(document)) throw new Error(document.reason);
  return toItem(record, document);
}

const items = (count: number) => Array.from({ length: count }, (_, offset) => itemOf(recordAt(offset)));
const ids = (count: number) => items(count).map(({ document }) => document.id);
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

async function setUp(t: TestContext, nodes?: readonly string[]) {
  const fake = await FakeSearch.start(t);
  const clock = new TestClock();
  const deadLetters = new FakeDeadLetters();
  const cluster = { ...NODE, nodes: nodes ? [...nodes, fake.url] : [fake.url] };
  const client = new SearchClient({ cluster, gzip: true, timeoutMs: 5_000 });
  t.after(() => client.close());
  const bulk = new Bulk({
    client,
    names: new IndexNames('web-{yyyy.MM.dd}', 7 * 86_400_000),
    partition: { topic: 'select-color', partition: 0 },
    place: PLACE,
    context: { clock, deadLetters },
    timeoutMs: 5_000,
    retryMs: RETRY_MS,
  });
  /** Stores, with waits between tries that take no time. */
  const store = async (all: readonly Item[]) => {
    let done = false;
    const stored = bulk.store(all, signal).finally(() => {
      done = true;
    });
    stored.catch(() => {});
    while (!done) {
      if (clock.sleeping > 0) clock.advance(5_000);
      await new Promise(setImmediate);
    }
    await stored;
  };
  return { fake, clock, deadLetters, bulk, store };
}

test('a request is compressed lines, and its answer no longer than needed', async (t) => {
  const { fake, store } = await setUp(t);
  await store(items(50));
  const [bulk] = fake.bulks;
  assert.equal(bulk?.headers['content-encoding'], 'gzip');
  assert.equal(bulk?.headers['content-type'], 'application/x-ndjson');
  assert.match(bulk?.path ?? '', /filter_path=errors,/);
  assert.ok(bulk?.body.endsWith('\n'));
  assert.deepEqual(bulk?.ids, ids(50));
});

test('events that the store can not take now are sent again alone', async (t) => {
  const { fake, deadLetters, store } = await setUp(t);
  const tries = new Map<string, number>();
  fake.judge = (id) => {
    const tried = (tries.get(id) ?? 0) + 1;
    tries.set(id, tried);
    if (id === 'event-1' && tried <= 2) return { status: 429, error: { type: 'es_rejected_execution_exception' } };
    if (id === 'event-3' && tried <= 1) return { status: 503, error: { type: 'unavailable_shards_exception' } };
    return undefined;
  };
  await store(items(5));
  assert.deepEqual(
    fake.bulks.map((bulk) => bulk.ids),
    [ids(5), ['event-1', 'event-3'], ['event-1']],
  );
  assert.equal(fake.documents.size, 5);
  assert.deepEqual(deadLetters.letters, []);
});

test('what is sent again is made anew from its record, and the same', async (t) => {
  const { fake, store } = await setUp(t);
  fake.instead = () => (fake.bulks.length === 1 ? 'lost' : undefined);
  await store(items(5));
  const [first, second, ...more] = fake.bulks;
  assert.deepEqual(more, []);
  assert.equal(second?.body, first?.body);
  assert.equal(first?.ids.length, 5);
});

test('an event that is never taken goes to the dead letters with the reason, without its value', async (t) => {
  const { fake, deadLetters, store } = await setUp(t);
  const reason =
    "[1:9] failed to parse field [amount] of type [long] in document with id 'x'. Preview of field's value: 'secret'";
  fake.judge = (id) =>
    id === 'event-2' ? { status: 400, error: { type: 'document_parsing_exception', reason } } : undefined;
  await store(items(4));
  assert.equal(fake.bulks.length, 1);
  assert.equal(fake.documents.size, 3);
  const [letter, ...more] = deadLetters.letters;
  assert.deepEqual(more, []);
  assert.equal(letter?.record.offset, 2);
  assert.equal(letter?.reason.code, 'EVENT_REFUSED_BY_STORE');
  assert.match(letter?.reason.reason ?? '', /document_parsing_exception: \[1:9\] failed to parse field \[amount\]/);
  assert.doesNotMatch(letter?.reason.reason ?? '', /secret|'x'/);
});

test('a request that is too large is halved, down to the one event that is', async (t) => {
  const { fake, deadLetters, store } = await setUp(t);
  fake.instead = (asked) => (asked.ids.length > 3 || asked.ids.includes('event-6') ? { status: 413 } : undefined);
  await store(items(10));
  assert.equal(fake.documents.size, 9);
  assert.deepEqual(
    deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]),
    [[6, 'EVENT_TOO_LARGE_FOR_STORE']],
  );
});

test('as long as some events get in, the others are sent again, and nothing is an error', async (t) => {
  const { fake, clock, store } = await setUp(t);
  const start = clock.monotonic();
  const error = { type: 'es_rejected_execution_exception' };
  fake.judge = (id) => (fake.bulks.at(-1)?.ids[0] === id ? undefined : { status: 429, error });
  await store(items(20));
  assert.equal(fake.documents.size, 20);
  assert.ok(clock.monotonic() - start > RETRY_MS);
});

test('a store that has room for less gets less at once', async (t) => {
  const { fake, store } = await setUp(t);
  const error = { type: 'es_rejected_execution_exception' };
  fake.instead = ({ ids: sent }) => (sent.length > 3 ? { status: 429, body: { error, status: 429 } } : undefined);
  await store(items(10));
  assert.equal(fake.documents.size, 10);
});

test('an answer for fewer events than were sent is none', async (t) => {
  const { fake, bulk, store } = await setUp(t);
  fake.instead = ({ path }) => {
    if (!path.startsWith('/_bulk') || fake.bulks.length > 1) return undefined;
    return { status: 200, body: { errors: false, items: [{ create: { status: 201 } }] } };
  };
  await store(items(3));
  assert.deepEqual(
    fake.bulks.map((sent) => sent.ids.length),
    [3, 3],
  );
  assert.equal(fake.documents.size, 3);
  assert.equal(bulk.takeDuplicates(), 0);
});

for (const what of ['lost', 'torn'] as const) {
  test(`what was stored before its answer was ${what} is no duplicate`, async (t) => {
    const { fake, bulk, deadLetters, store } = await setUp(t);
    fake.instead = () => (fake.bulks.length === 1 ? what : undefined);
    await store(items(3));
    assert.equal(fake.bulks.length, 2);
    assert.equal(fake.documents.size, 3);
    assert.equal(bulk.takeDuplicates(), 0);
    assert.deepEqual(deadLetters.letters, []);
  });
}

/** A store that refuses every request with one of these events, as it would a line that it can't parse. */
const notUnderstood = (ids: readonly string[]) => (asked: { readonly ids: readonly string[] }) => {
  const error = { type: 'illegal_argument_exception', reason: 'Malformed action/metadata line' };
  return asked.ids.some((id) => ids.includes(id)) ? { status: 400, body: { error, status: 400 } } : undefined;
};

test('one event that spoils its whole request goes to the dead letters, also as the first of all', async (t) => {
  for (const spoiled of ['event-0', 'event-4', 'event-9']) {
    const { fake, deadLetters, store } = await setUp(t);
    fake.instead = notUnderstood([spoiled]);
    await store(items(10));
    assert.equal(fake.documents.size, 9);
    assert.deepEqual(
      deadLetters.letters.map(({ record, reason }) => [`event-${record.offset}`, reason.code]),
      [[spoiled, 'EVENT_REFUSED_BY_STORE']],
    );
  }
});

test('a store that understands nothing of us gets no dead letters, but a person', async (t) => {
  const { fake, deadLetters, store } = await setUp(t);
  fake.instead = notUnderstood(ids(1_000));
  await assert.rejects(store(items(1_000)), hasCode('SEARCH_REFUSED'));
  assert.ok(fake.bulks.length < 20);
  assert.deepEqual(deadLetters.letters, []);
});

test('a copy is counted, also with another time of receipt; another event of the id is a dead letter', async (t) => {
  const { bulk, deadLetters, store } = await setUp(t);
  await store(items(3));
  const event = JSON.parse(Buffer.from(recordAt(1).value).toString()) as Record<string, unknown>;
  const copy = {
    ...recordAt(1),
    offset: 10,
    value: Buffer.from(JSON.stringify({ ...event, receivedAt: '2026-11-22T12:00:09.000Z' })),
  };
  const other = { ...recordAt(2), offset: 11 };
  other.value = Buffer.from(Buffer.from(other.value).toString().replace('blue', 'red'));
  await store([copy, other].map(itemOf));
  assert.equal(bulk.takeDuplicates(), 1);
  assert.deepEqual(
    deadLetters.letters.map(({ record, reason }) => [record.offset, reason.code]),
    [[11, 'EVENT_ID_TAKEN']],
  );
});

for (const { what, answer, code, tries } of [
  { what: 'a user who is not known', answer: { status: 401 }, code: 'SEARCH_UNAUTHORIZED', tries: 'one' },
  {
    what: 'a user who may not write',
    answer: { status: 403, body: { error: { type: 'security_exception' } } },
    code: 'SEARCH_FORBIDDEN',
    tries: 'one',
  },
  { what: 'an address of something else', answer: { status: 404 }, code: 'SEARCH_REFUSED', tries: 'one' },
  { what: 'a proxy that refuses', answer: { status: 400 }, code: 'SEARCH_REFUSED', tries: 'one' },
  {
    what: 'a full disk',
    answer: { status: 403, body: { error: { type: 'cluster_block_exception' } } },
    code: 'SEARCH_BLOCKED',
    tries: 'many',
  },
  { what: 'a gateway without a store', answer: { status: 502 }, code: 'SEARCH_UNREACHABLE', tries: 'many' },
  {
    what: 'a page instead of an answer',
    answer: { status: 200, body: '<html>' },
    code: 'SEARCH_ANSWER_WRONG',
    tries: 'many',
  },
]) {
  test(`${what}: ${code} after ${tries === 'one' ? 'one try' : 'a while'}, and nothing is lost`, async (t) => {
    const { fake, deadLetters, store } = await setUp(t);
    fake.instead = () => answer;
    await assert.rejects(store(items(3)), hasCode(code));
    assert.equal(fake.bulks.length === 1, tries === 'one');
    assert.deepEqual(deadLetters.letters, []);
  });
}

for (const [type, status, code] of [
  ['index_not_found_exception', 404, 'SEARCH_INDEX_MISSING'],
  ['security_exception', 403, 'SEARCH_FORBIDDEN'],
  ['cluster_block_exception', 403, 'SEARCH_BLOCKED'],
  ['index_closed_exception', 400, 'SEARCH_BLOCKED'],
  ['validation_exception', 400, 'SEARCH_INDEX_UNUSABLE'],
  ['routing_missing_exception', 400, 'SEARCH_INDEX_UNUSABLE'],
] as const) {
  test(`an item with ${type} lies with the index, and is no dead letter`, async (t) => {
    const { fake, deadLetters, store } = await setUp(t);
    fake.judge = (id) => (id === 'event-1' ? { status, error: { type } } : undefined);
    await assert.rejects(store(items(3)), hasCode(code));
    assert.equal(fake.documents.size, 2);
    assert.deepEqual(deadLetters.letters, []);
  });
}

test('a node that is away is passed over', async (t) => {
  const { fake, bulk, store } = await setUp(t, ['http://127.0.0.1:9']);
  await store(items(2));
  await store(items(4).slice(2));
  assert.equal(fake.documents.size, 4);
  assert.equal(bulk.takeDuplicates(), 0);
});

test('a copy on the other side of the bound between near and late is found', async (t) => {
  const { fake, bulk, store } = await setUp(t);
  const DAY = 86_400_000;
  const sent = Date.UTC(2026, 10, 1, 12);
  const received = (at: number, offset: number) => {
    const event = {
      id: 'one',
      type: 't',
      timestamp: new Date(at).toISOString(),
      receivedAt: new Date(at).toISOString(),
      sentTimestamp: new Date(sent).toISOString(),
    };
    return itemOf({ offset, timestamp: at, value: Buffer.from(JSON.stringify(event)) });
  };
  await store([received(sent + 7 * DAY - 1_000, 0)]);
  fake.untold = () => 'no_shard_available_action_exception';
  await assert.rejects(store([received(sent + 7 * DAY + 1_000, 1)]), hasCode('SEARCH_OVERLOADED'));
  fake.untold = () => undefined;
  await store([received(sent + 7 * DAY + 1_000, 1)]);
  assert.deepEqual([...fake.documents.keys()], ['web-2026.11.01/one']);
  assert.equal(bulk.takeDuplicates(), 1);
});
