import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { rawHeader, UserAgents } from './user-agent.ts';

test('a user agent is a JSON string of bounded length, whatever was sent', () => {
  const userAgents = new UserAgents();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
      const header = Buffer.from(bytes).toString('latin1');
      const text = JSON.parse(userAgents.toJson(header)!) as string;
      assert.ok(text.length <= 1024 && text.isWellFormed() && !text.includes('\0'));
      assert.equal(userAgents.toJson(header), JSON.stringify(text), 'the same the second time');
    }),
  );
});

test('UTF-8 in the header is read as such', () => {
  const header = Buffer.from('앱/1.0').toString('latin1');
  assert.equal(new UserAgents().toJson(header), '"앱/1.0"');
});

test('a header is found under any spelling of its name', () => {
  assert.equal(rawHeader(['Host', 'a', 'USER-Agent', 'b'], 'user-agent'), 'b');
  assert.equal(rawHeader(['x-name', 'user-agent'], 'user-agent'), undefined);
});
