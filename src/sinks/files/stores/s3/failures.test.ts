import assert from 'node:assert/strict';
import test from 'node:test';
import { codeError } from './failures.ts';

const answered = (name: string, httpStatusCode: number) =>
  Object.assign(new Error('said so'), { name, $metadata: { httpStatusCode } });

test('what passes by itself is tried again, and what does not stops', () => {
  const expected = [
    [answered('SlowDown', 503), 'FILES_S3_THROTTLED', 'retry'],
    [answered('ThrottlingException', 400), 'FILES_S3_THROTTLED', 'retry'],
    [answered('IncompleteBody', 400), 'FILES_STORE_UNAVAILABLE', 'retry'],
    [answered('InternalError', 500), 'FILES_STORE_UNAVAILABLE', 'retry'],
    [answered('SomethingNew', 503), 'FILES_STORE_UNAVAILABLE', 'retry'],
    [answered('NotFound', 404), 'FILES_GONE', 'retry'],
    [answered('SomethingNew', 400), 'FILES_S3_REFUSED', 'stop'],
    [answered('SignatureDoesNotMatch', 403), 'FILES_S3_CREDENTIALS', 'stop'],
    [answered('CredentialsProviderError', 0), 'FILES_S3_NO_CREDENTIALS', 'retry'],
    [Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'FILES_S3_TLS', 'stop'],
    [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'FILES_STORE_UNAVAILABLE', 'retry'],
  ] as const;
  for (const [error, code, decision] of expected) {
    const coded = codeError('bucket/key', error);
    assert.deepEqual([coded.code, coded.decision], [code, decision], error.message);
  }
});
