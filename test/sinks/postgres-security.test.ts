import assert from 'node:assert/strict';
import { appendFileSync, chownSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createTableSink } from '../../src/sinks/table/create.ts';
import type { PostgresTableConfig } from '../../src/sinks/table/postgres/config.ts';
import { MillraceError } from '../../src/support/errors.ts';
import { orSkip } from '../engines/or-skip.ts';
import { startPostgres } from '../engines/postgres.ts';
import { postgresConfigFor } from '../engines/postgres-config.ts';
import { askPostgres } from '../engines/postgres-test.ts';
import { runJob } from '../engines/server-process.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const JOB_MS = 30_000;
const PASSWORD = 'hunter2 @:/%';
const { signal } = new AbortController();

/** A certificate that signs itself, for one name. */
async function makeCertificate(directory: string, name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = ['crt', 'key'].map((kind) => path.join(directory, `${name}.${kind}`)) as [string, string];
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  const ours = ['-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', cert];
  await runJob('openssl', [...words, ...ours], JOB_MS);
  return { cert, key };
}

test('a password goes over an encrypted connection to a server that is the right one', async (t) => {
  const directory = temporaryDirectory(t);
  const server = await orSkip(t, 'PostgreSQL', async () => {
    const server = await startPostgres({ directory });
    t.after(() => server.close());
    await makeCertificate(directory, 'db.example');
    await makeCertificate(directory, 'other.example');
    return server;
  });
  if (!server) return;
  await askPostgres(server, `CREATE ROLE loader SUPERUSER LOGIN PASSWORD '${PASSWORD}'`);
  await server.stop();
  const data = path.join(directory, 'data');
  const { uid, gid } = statSync(data);
  for (const file of readdirSync(directory).filter((name) => /\.(crt|key)$/.test(name))) {
    chownSync(path.join(directory, file), uid, gid);
  }
  const own = (kind: string) => path.join(directory, `db.example.${kind}`);
  appendFileSync(
    path.join(data, 'postgresql.conf'),
    `ssl = on\nssl_cert_file = '${own('crt')}'\nssl_key_file = '${own('key')}'\n`,
  );
  writeFileSync(path.join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  await server.start();

  const urlWith = (password: string) => server.url.replace('postgres@', `loader:${encodeURIComponent(password)}@`);
  const tls = {
    ca: own('crt'),
    cert: undefined,
    key: undefined,
    serverName: 'db.example',
    rejectUnauthorized: true,
  };
  const open = async (given: Partial<PostgresTableConfig>) => {
    const postgres = postgresConfigFor(server, { url: urlWith(PASSWORD), tls, ...given });
    const sink = createTableSink({ postgres }, fakeSinkContext({}, ''));
    try {
      await sink.open(signal);
    } finally {
      await sink.close();
    }
  };
  const refusedAs = (code: string) => (error: unknown) =>
    error instanceof MillraceError && error.code === code && !error.message.includes('hunter');

  await open({});
  await open({ tls: { ...tls, ca: undefined, rejectUnauthorized: false } });
  await assert.rejects(open({ url: urlWith('hunter3') }), refusedAs('POSTGRES_UNAUTHORIZED'));
  await assert.rejects(open({ url: urlWith('') }), refusedAs('POSTGRES_UNAUTHORIZED'));
  await assert.rejects(open({ tls: undefined }), refusedAs('POSTGRES_UNAUTHORIZED'));
  const failed = refusedAs('POSTGRES_TLS_FAILED');
  await assert.rejects(open({ tls: { ...tls, ca: undefined } }), failed, 'an authority that nobody knows');
  await assert.rejects(open({ tls: { ...tls, ca: path.join(directory, 'other.example.crt') } }), failed);
  await assert.rejects(open({ tls: { ...tls, serverName: 'other.example' } }), failed);
  await assert.rejects(open({ tls: { ...tls, serverName: undefined } }), failed, 'its address is no name of it');
  await assert.rejects(open({ tls: { ...tls, ca: path.join(directory, 'nowhere') } }), failed);
  await assert.rejects(open({ tls: undefined, url: `${urlWith(PASSWORD)}?sslmode=require` }), failed);
});
