import assert from 'node:assert/strict';
import test from 'node:test';
import { operationsServer } from '../../../test/support/operations-server.ts';

test('connectors are steered by name', async (t) => {
  const { ask, operations } = operationsServer(t);
  for (const [method, action] of [
    ['POST', 'pause'],
    ['PUT', 'resume'],
    ['POST', 'restart'],
  ] as const) {
    assert.equal((await ask(`/api/connectors/files/${action}`, { method })).status, 204);
  }
  assert.deepEqual(operations.asked, ['pause files', 'resume files', 'restart files']);
  const unknown = await ask('/api/connectors/other/pause', { method: 'POST' });
  assert.equal(unknown.status, 404);
  assert.equal(unknown.json().error.code, 'CONNECTOR_UNKNOWN');
  assert.equal((await ask('/api/connectors/files/explode', { method: 'POST' })).status, 400);
  assert.equal((await ask('/api/connectors/files/pause')).status, 404, 'a GET changes nothing');
});

test('a time range is loaded once more by the name of a connector', async (t) => {
  const { ask, operations } = operationsServer(t);
  const at = '/api/connectors/search/replay';
  const begin = (payload: object) => ask(at, { method: 'POST', body: payload });
  assert.equal((await begin({ from: 1_000, to: 2_000 })).status, 202);
  for (const wrong of [{}, { from: 1_000 }, { from: -1, to: 5 }, { from: 'now', to: 5 }, { from: 1, to: 2, more: 3 }]) {
    assert.equal((await begin(wrong)).status, 400, JSON.stringify(wrong));
  }
  assert.deepEqual((await ask(at)).json(), { state: 'NONE', done: 0, all: 0 });
  operations.replayState = {
    ...{ state: 'DONE', done: 9, all: 9 },
    replayed: { read: 4, written: 2, present: 1, refused: 1 },
  };
  assert.deepEqual((await ask(at)).json(), operations.replayState);
  operations.replayState = {
    ...{ state: 'FAILED', done: 1, all: 9 },
    error: { message: 'gone', code: 'STORE_AWAY', decision: 'retry', help: 'wait' },
  };
  assert.deepEqual((await ask(at)).json(), operations.replayState);
  assert.equal((await ask(at, { method: 'DELETE' })).status, 204);
  assert.deepEqual(operations.asked, ['replay search 1000-2000', 'replay search stop']);
  const unknown = await ask('/api/connectors/other/replay', { method: 'POST', body: { from: 1, to: 2 } });
  assert.equal(unknown.json().error.code, 'CONNECTOR_UNKNOWN');
});

test('dead letters are listed, shown and replayed', async (t) => {
  const { ask, operations } = operationsServer(t);
  const letter = { code: 'C', reason: 'r', at: 1, payload: '{"a":1}' };
  operations.letters = [
    { ...letter, id: 'millrace-dead-letters-0-1', refusedBy: 'collector' },
    { ...letter, id: 'millrace-dead-letters-files-0-2', refusedBy: 'files' },
    { ...letter, id: 'millrace-dead-letters-files-0-3', refusedBy: 'files' },
  ];
  assert.equal((await ask('/api/dead-letters')).json().deadLetters.length, 3);
  assert.equal((await ask('/api/dead-letters?refusedBy=files&limit=1')).json().deadLetters.length, 1);
  assert.equal((await ask('/api/dead-letters/millrace-dead-letters-0-1')).json().payload, '{"a":1}');
  assert.equal((await ask('/api/dead-letters/millrace-dead-letters-0-9')).status, 404);
  const replay = (body: object) => ask('/api/dead-letters/replay', { method: 'POST', body });
  assert.deepEqual((await replay({ refusedBy: 'files', ids: ['millrace-dead-letters-files-0-2'] })).json(), {
    replayed: 1,
  });
  assert.deepEqual((await replay({ refusedBy: 'files' })).json(), { replayed: 1 });
  assert.equal((await replay({})).status, 400);
  assert.equal((await replay({ refusedBy: 'files', ids: [] })).status, 400);
  const wrongType = await ask('/api/dead-letters/replay', {
    method: 'POST',
    body: { refusedBy: 'files' },
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(wrongType.status, 415);
  const tooLarge = await replay({ refusedBy: 'files', ids: ['x'.repeat(600 * 1024)] });
  assert.equal(tooLarge.status, 413);
  assert.equal(tooLarge.json().error.code, 'REQUEST_INVALID');
});

test('dead letters are looked for and dropped', async (t) => {
  const { ask, operations } = operationsServer(t);
  const letter = { code: 'C', reason: 'r', at: 1, payload: '{"a":1}', refusedBy: 'files' };
  operations.letters = [2, 3].map((offset) => ({ ...letter, id: `millrace-dead-letters-files-0-${offset}` }));
  const query = 'refusedBy=files&code=EVENT_ID_TAKEN&text=%22a%22&from=1970-01-01T00:00:01Z&to=2000';
  assert.equal((await ask(`/api/dead-letters?${query}`)).status, 200);
  const drop = (query: string) => ask(`/api/dead-letters?${query}`, { method: 'DELETE' });
  assert.deepEqual((await drop('refusedBy=files&before=5')).json(), { purged: 2 });
  assert.deepEqual(operations.asked, [
    'list {"refusedBy":"files","code":"EVENT_ID_TAKEN","text":"\\"a\\"","from":1000,"to":2000}',
    'purge {"refusedBy":"files","before":5}',
  ]);
  for (const wrong of ['', 'refusedBy=..%2F', 'refusedBy=files&before=soon', 'refusedBy=files&code=C'])
    assert.equal((await drop(wrong)).status, 400, wrong);
  for (const wrong of ['text=', 'code=a%20b', 'from=never', 'txt=a', `text=${'x'.repeat(201)}`])
    assert.equal((await ask(`/api/dead-letters?${wrong}`)).status, 400, wrong);
});
