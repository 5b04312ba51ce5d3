import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IdSet, idKey } from './id-set.ts';

test('an id is new once', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 3 })), (ids) => {
      const set = new IdSet(ids.length);
      const known = new Set<string>();
      for (const id of ids) {
        assert.equal(set.add(idKey(id)), !known.has(id));
        known.add(id);
      }
    }),
  );
});

test('it holds as many as it was made for, and says so when there are more', () => {
  const set = new IdSet(10_000);
  for (let id = 0; id < 10_000; id++) assert.ok(set.add(idKey(String(id))));
  assert.ok(!set.add(idKey('77')));
  assert.throws(() => {
    for (let id = 10_000; id < 100_000; id++) set.add(idKey(String(id)));
  }, /more ids/);
});
