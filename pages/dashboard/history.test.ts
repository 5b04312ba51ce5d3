import assert from 'node:assert/strict';
import test from 'node:test';
import { connectorNamed, statusAt } from '../../test/support/operations.ts';
import { History } from './history.ts';

const at = (now: number, startedAt: number, accepted: number, loaded: number) => {
  const status = statusAt(now, { startedAt, connectors: [connectorNamed('files', { loaded, lag: 7 })] });
  return { ...status, accounting: { ...status.accounting, accepted } };
};

test('rates are differences over the time between two statuses', () => {
  const history = new History();
  history.add(at(1_000, 0, 100, 50));
  assert.equal(history.samples.length, 0);
  history.add(at(3_000, 0, 140, 60));
  assert.equal(history.latest?.accepted, 20);
  assert.equal(history.latest?.loaded.get('files'), 5);
  assert.equal(history.latest?.lag.get('files'), 7);
});

test('a restart is no rate, and neither is a status that was seen before', () => {
  const history = new History();
  history.add(at(1_000, 0, 100, 50));
  history.add(at(2_000, 1_500, 3, 1));
  history.add(at(2_000, 1_500, 3, 1));
  assert.equal(history.samples.length, 0);
  history.add(at(3_000, 1_500, 5, 1));
  assert.equal(history.latest?.accepted, 2);
});

test('the history has an end', () => {
  const history = new History();
  for (let second = 0; second < 400; second++) history.add(at(second * 1_000, 0, second, 0));
  assert.equal(history.samples.length, 300);
});
