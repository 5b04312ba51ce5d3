import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../../support/errors.ts';
import { parsePostgresUrl } from './address.ts';

test('a URL says where the database is and who we are', () => {
  assert.deepEqual(parsePostgresUrl('postgres://me:s%40cret%3a@db.example/events?sslmode=verify-full'), {
    hosts: [{ host: 'db.example', port: 5432 }],
    user: 'me',
    password: 's@cret:',
    database: 'events',
    tls: true,
  });
  assert.deepEqual(parsePostgresUrl('postgresql://me@one:1,[::1]:2,three/db'), {
    hosts: [
      { host: 'one', port: 1 },
      { host: '::1', port: 2 },
      { host: 'three', port: 5432 },
    ],
    user: 'me',
    password: '',
    database: 'db',
    tls: undefined,
  });
  assert.equal(parsePostgresUrl('postgres://me@db/x?sslmode=disable').tls, false);
});

test('what is no such URL is refused, without a word of it', () => {
  const secret = 'hunter2';
  for (const url of [
    '',
    secret,
    `http://me:${secret}@db/x`,
    `postgres://me:${secret}@db`,
    `postgres://me:${secret}@db/`,
    `postgres://:${secret}@db/x`,
    `postgres://me:${secret}@/x`,
    `postgres://me:${secret}@db:0/x`,
    `postgres://me:${secret}@db:70000/x`,
    `postgres://me:${secret}@db,/x`,
    `postgres://me:${secret}@db/x?sslmode=prefer`,
    `postgres://me:${secret}@db/x?options=-c%20x`,
    `postgres://me:${secret}%@db/x`,
    `postgres://me:${secret}@db/x#y`,
  ]) {
    assert.throws(
      () => parsePostgresUrl(url),
      (error: Error) => error instanceof MillraceError && !error.message.includes(secret),
      url,
    );
  }
});

test('every user, password and database comes back as it was', () => {
  const any = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(any, any, any, (user, password, database) => {
      const [u, p, d] = [user, password, database].map(encodeURIComponent);
      const address = parsePostgresUrl(`postgres://${u}:${p}@db/${d}`);
      assert.deepEqual([address.user, address.password, address.database], [user, password, database]);
    }),
  );
});
