import assert from 'node:assert/strict';
import test from 'node:test';
import { MillraceError } from '../../../support/errors.ts';
import { isAboutValues, isConflict, sqlStateOf, withCode } from './classify.ts';

/** An error as the client hands on what the server sent. */
const sent = (code: string, message = 'of the server') =>
  Object.assign(new Error(message), { code, severity: 'ERROR' });
const codeOf = (error: unknown) => {
  const coded = withCode(error);
  return coded instanceof MillraceError ? `${coded.code} ${coded.decision}` : undefined;
};

test('what the server says decides what is done', () => {
  const expected: Record<string, string> = {
    '08006': 'POSTGRES_UNREACHABLE retry',
    '25006': 'POSTGRES_UNREACHABLE retry',
    '28P01': 'POSTGRES_UNAUTHORIZED stop',
    '3D000': 'POSTGRES_UNAUTHORIZED stop',
    '40P01': 'POSTGRES_BUSY retry',
    '42501': 'POSTGRES_FORBIDDEN stop',
    '42P01': 'POSTGRES_TABLE_UNSUITABLE stop',
    '53100': 'POSTGRES_FULL retry',
    '53300': 'POSTGRES_FULL retry',
    '55P03': 'POSTGRES_BUSY retry',
    '57014': 'POSTGRES_SLOW retry',
    '57P01': 'POSTGRES_UNREACHABLE retry',
    '57P03': 'POSTGRES_UNREACHABLE retry',
    XX000: 'POSTGRES_REFUSED stop',
  };
  for (const [state, code] of Object.entries(expected)) assert.equal(codeOf(sent(state)), code, state);
});

test('what the client says has no code of the server, and is told apart all the same', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  assert.equal(codeOf(reset), 'POSTGRES_UNREACHABLE retry');
  assert.equal(codeOf(new Error('Connection terminated unexpectedly')), 'POSTGRES_UNREACHABLE retry');
  assert.equal(codeOf(new Error('Query read timeout')), 'POSTGRES_SLOW retry');
  const untrusted = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  assert.equal(codeOf(untrusted), 'POSTGRES_TLS_FAILED stop');
  assert.equal(sqlStateOf(reset), undefined);
});

test('a code is known also below the one that it was given', () => {
  const coded = withCode(sent('40001'));
  assert.equal(sqlStateOf(coded), '40001');
  assert.ok(isConflict(coded));
  assert.ok(!isAboutValues(coded));
  assert.ok(isAboutValues(withCode(sent('22P05'))));
  assert.equal(withCode(coded), coded);
});

test('values do not get into what is said of them', () => {
  const error = withCode(sent('22P02', 'invalid input: "what a visitor sent"')) as MillraceError;
  assert.equal(error.message, 'PostgreSQL says 22P02: values are refused');
});
