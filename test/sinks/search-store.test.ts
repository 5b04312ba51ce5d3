/** How the sink meets a store: its product, its template, TLS and users, data streams. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { ClusterConfig, SearchConfig } from '../../src/sinks/search/config.ts';
import { IndexNames } from '../../src/sinks/search/index-name.ts';
import { openSearchEventQuery } from '../../src/sinks/search/query.ts';
import { SearchSink } from '../../src/sinks/search/sink.ts';
import { templateName } from '../../src/sinks/search/template.ts';
import { MillraceError } from '../../src/support/errors.ts';
import type { Logger } from '../../src/support/logger.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { makeCertificate, STORE_PASSWORD } from '../engines/kafka-security.ts';
import type { SearchNode } from '../engines/search-node.ts';
import { documentsOf, searchConfigFor, searchTest } from '../engines/search-test.ts';
import { fakeSinkContext } from '../support/fake-sink-context.ts';
import { recordAt, START } from '../support/records.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { signal } = new AbortController();
const TOPICS = { events: { id: 'topic-1', partitions: 1, startOffset: 0, endOffset: 1_000 } };
const allOf = ({ index, late }: SearchConfig) => new IndexNames(index, late).all;
const hasCode = (code: string) => (error: unknown) => error instanceof MillraceError && error.code === code;

/** Opens the sink, loads, and ends; returns what it warned of. */
async function load(config: SearchConfig, count = 3): Promise<{ warnings: string[]; duplicates: number }> {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
  const sink = new SearchSink(config, { ...fakeSinkContext(TOPICS, ''), logger });
  try {
    await sink.open(signal);
    const writer = await sink.partition({ topic: 'events', partition: 0 }, signal);
    await writer.write(
      Array.from({ length: count }, (_, offset) => recordAt(offset)),
      signal,
    );
    const { duplicates } = await writer.flush(signal);
    await writer.abandon();
    return { warnings, duplicates };
  } finally {
    await sink.close();
  }
}

interface Settings {
  readonly number_of_shards: string;
  readonly mapping: { readonly total_fields: { readonly limit: string } };
}
type Template = Record<string, unknown> & {
  readonly template: { readonly settings: { readonly index: Settings } };
};

async function templateIn(node: SearchNode, config: SearchConfig): Promise<Template> {
  const found = await node.ask('GET', `/_index_template/${templateName(allOf(config))}`);
  const [{ index_template: template }] = found['index_templates'] as [{ index_template: Template }];
  // When it was made and changed: Elasticsearch 9 says that, and takes it from nobody.
  return Object.fromEntries(Object.entries(template).filter(([name]) => !/_date(_millis)?$/.test(name))) as Template;
}

const settingsIn = async (node: SearchNode, config: SearchConfig) =>
  (await templateIn(node, config)).template.settings.index;

searchTest(
  'the template is installed once, made new when it is ours and old, and left alone once changed',
  async (node) => {
    const config = searchConfigFor(node);
    assert.deepEqual((await load(config)).warnings, []);
    const installed = await templateIn(node, config);
    assert.equal(installed.template.settings.index.mapping.total_fields.limit, '500');
    assert.deepEqual((await load(config)).warnings, []);
    assert.deepEqual(await templateIn(node, config), installed);

    const larger = { ...config, fields: 700 };
    assert.deepEqual((await load(larger)).warnings, []);
    assert.equal((await settingsIn(node, config)).mapping.total_fields.limit, '700');

    const { template, ...rest } = await templateIn(node, config);
    const changed = {
      ...rest,
      template: { ...template, settings: { index: { ...template.settings.index, number_of_shards: '2' } } },
    };
    await node.ask('PUT', `/_index_template/${templateName(allOf(config))}`, changed);
    const { warnings } = await load(config);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /someone changed the index template/);
    assert.equal((await settingsIn(node, config)).number_of_shards, '2');

    assert.deepEqual((await load({ ...config, template: 'replace' })).warnings, []);
    assert.deepEqual(await templateIn(node, config), installed);
  },
);

searchTest('a template of an older version is made anew, one of a newer version is left as it is', async (node) => {
  const config = searchConfigFor(node);
  await load(config);
  const installed = await templateIn(node, config);
  const { version, content } = (installed['_meta'] as { millrace: { version: number; content: string } }).millrace;
  const put = (of: number, more: object) =>
    node.ask('PUT', `/_index_template/${templateName(allOf(config))}`, {
      ...installed,
      ...more,
      _meta: { millrace: { version: of, content } },
    });

  await put(version - 1, {});
  assert.deepEqual((await load(config)).warnings, []);
  assert.deepEqual(await templateIn(node, config), installed);

  await put(version + 1, { priority: 301 });
  const newer = await templateIn(node, config);
  assert.deepEqual((await load(config)).warnings, []);
  assert.deepEqual(await templateIn(node, config), newer);
  await load({ ...config, template: 'replace' });
  assert.deepEqual(await templateIn(node, config), installed);
});

searchTest('the mapping is made for web events', async (node) => {
  const config = searchConfigFor(node);
  await load(config);
  const [index] = Object.values(await node.ask('GET', `/${allOf(config)}/_mapping`)) as {
    mappings: { properties: Record<string, { type: string; ignore_above?: number }> };
  }[];
  const { properties } = index!.mappings;
  assert.equal(properties['timestamp']?.type, 'date');
  assert.equal(properties['@timestamp']?.type, 'date');
  assert.equal(properties['userName']?.type, 'keyword');
  assert.ok(properties['colorName']?.ignore_above);
});

searchTest('the wrong product is said so', async (node) => {
  const other = node.name === 'elasticsearch' ? 'opensearch' : 'elasticsearch';
  await assert.rejects(load(searchConfigFor({ name: other, url: node.url })), hasCode('SEARCH_WRONG_PRODUCT'));
});

searchTest('indices that may forget what they acknowledged are named', async (node) => {
  const config = searchConfigFor(node, { index: 'weak', template: 'none' });
  await node.ask('PUT', '/weak', { settings: { 'index.translog.durability': 'async' } });
  const { warnings } = await load(config);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /translog/);
});

searchTest('an alias is named, since it may turn to another index', async (node) => {
  const index = `alias${randomUUID()}`;
  await node.ask('PUT', `/first-of-${index}`, { aliases: { [index]: {} } });
  const config = searchConfigFor(node, { index, template: 'none' });
  const { warnings } = await load(config);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /alias/);
  assert.equal((await load(config)).duplicates, 3);
});

searchTest('events around midnight and the month’s end are stored once, however often they come', async (node, t) => {
  const config = searchConfigFor(node);
  const midnight = Date.UTC(2026, 11, 1);
  const sink = new SearchSink(config, fakeSinkContext(TOPICS, ''));
  t.after(() => sink.close());
  await sink.open(signal);
  const writer = await sink.partition({ topic: 'events', partition: 0 }, signal);
  const at = (time: number) => new Date(time).toISOString();
  const copy = (offset: number, sent: number, received: number) => {
    const event = {
      id: `e${sent}`,
      type: 't',
      timestamp: at(received),
      receivedAt: at(received),
      sentTimestamp: at(sent),
    };
    return { offset, timestamp: received, value: Buffer.from(JSON.stringify(event)) };
  };
  const moments = [-2, -1, 0, 1].map((ms) => midnight + ms);
  await writer.write(
    moments.map((sent, i) => copy(i, sent, sent)),
    signal,
  );
  await writer.write(
    moments.map((sent, i) => copy(4 + i, sent, sent + 60_000)),
    signal,
  );
  const { durableUpTo, duplicates } = await writer.flush(signal);
  assert.deepEqual({ durableUpTo, duplicates }, { durableUpTo: 8, duplicates: 4 });
  const indices = (await documentsOf(node, allOf(config))).map(({ _index }) => _index.slice(-10));
  assert.deepEqual(indices.sort(), ['2026.11.30', '2026.11.30', '2026.12.01', '2026.12.01']);
  await writer.abandon();
});

searchTest('a data stream takes events, and finds their copies', async (node) => {
  const config = searchConfigFor(node, { index: `stream${START}`, dataStream: true });
  await load(config);
  assert.equal((await load(config)).duplicates, 3);
  assert.equal((await documentsOf(node, config.index)).length, 3);
});

searchTest('through TLS with an authority of its own, with a user, a key or a token', async (node, t) => {
  const directory = temporaryDirectory(t);
  const proxy = await startSecureProxy(t, node, directory);
  for (const [way, expected] of [
    [{ username: 'loader', password: 'päss:word' }, `Basic ${Buffer.from('loader:päss:word').toString('base64')}`],
    [{ apiKey: 'a2V5OnNlY3JldA==' }, 'ApiKey a2V5OnNlY3JldA=='],
    [{ token: 'abc.def' }, 'Bearer abc.def'],
  ] as const) {
    proxy.expect(expected);
    const config = withCluster(searchConfigFor({ name: node.name, url: proxy.url }), { ca: proxy.ca, ...way });
    await load(config);
    await node.ask('POST', `/${allOf(config)}/_refresh`);
    const query = openSearchEventQuery(config, 10_000);
    t.after(() => query.close());
    assert.equal((await query.events({}, { limit: 10 })).events.length, 3);
    proxy.expect('another');
    await assert.rejects(load(config), hasCode('SEARCH_UNAUTHORIZED'));
  }
  const untrusted = searchConfigFor({ name: node.name, url: proxy.url });
  await assert.rejects(load(untrusted), hasCode('SEARCH_UNREACHABLE'));
  const missing = path.join(directory, 'none.pem');
  await assert.rejects(load(withCluster(untrusted, { ca: missing })), hasCode('SEARCH_CA_UNUSABLE'));
});

function withCluster(config: SearchConfig, more: Partial<ClusterConfig>): SearchConfig {
  const { elasticsearch, opensearch } = config;
  return {
    ...config,
    elasticsearch: elasticsearch && { ...elasticsearch, ...more },
    opensearch: opensearch && { ...opensearch, ...more },
  };
}

/** The packages of both products come without security: a proxy stands for it. */
async function startSecureProxy(t: TestContext, node: SearchNode, directory: string) {
  const { keystore, ca } = await makeCertificate(directory);
  const caFile = path.join(directory, 'ca.pem');
  writeFileSync(caFile, ca);
  let expected = '';
  const server = createServer({ pfx: readFileSync(keystore), passphrase: STORE_PASSWORD }, (request, response) => {
    if (request.headers.authorization !== expected) {
      response.writeHead(401).end();
      return;
    }
    const { method, url = '/', headers } = request;
    const forwarded = httpRequest(new URL(url, node.url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: `https://127.0.0.1:${port}`,
    ca: caFile,
    expect: (authorization: string) => {
      expected = authorization;
    },
  };
}
