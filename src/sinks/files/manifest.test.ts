import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Manifest } from './manifest.ts';
import { decodeManifest, encodeManifest } from './manifest.ts';

const manifest: Manifest = {
  commit: 'commit',
  number: 7,
  previous: 6,
  assignment: 'assignment',
  kind: 'data',
  topic: 'select-color',
  topicId: 'topic-id',
  partition: 1,
  resume: 10,
  end: 19,
  counts: { records: 10, bytes: 100, refused: 0 },
  files: [{ temporary: 't', final: 'f', length: 100, checksum: 5, storeId: '1:2', records: 10, first: 1, last: 10 }],
};

test('a manifest comes back as it was', () => {
  assert.deepEqual(decodeManifest('path', encodeManifest(manifest)), manifest);
});

test('any cut and any changed byte is noticed', () => {
  const whole = encodeManifest(manifest);
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 127 }), (at, change) => {
      assert.throws(() => decodeManifest('path', whole.subarray(0, at)), { code: 'FILES_MANIFEST_UNREADABLE' });
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ change;
      assert.throws(() => decodeManifest('path', changed), { code: 'FILES_MANIFEST_UNREADABLE' });
    }),
  );
});

test('a manifest of a newer version is not guessed at', () => {
  const newer = encodeManifest({ ...manifest, version: 2 } as Manifest);
  assert.throws(() => decodeManifest('path', newer), { code: 'FILES_MANIFEST_UNREADABLE', message: /version 2/ });
});
