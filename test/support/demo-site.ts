/** The demo page on a real server, with a collector behind it that misbehaves as a test tells it to. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { loadAssets } from '../../src/support/assets.ts';

/** The strictest policy that a page of ours has to live with. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** Handles what a page asks of the collector. */
export type FakeCollector = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export interface DemoSite {
  readonly url: string;
  /** Bodies of the events that arrived, in order, refused ones included. */
  readonly events: Readonly<Record<string, unknown>>[];
  /** How many requests under /v1/ came to the server at all. */
  requests: number;
}

export async function demoSite(t: Pick<TestContext, 'after'>, collector: FakeCollector): Promise<DemoSite> {
  const assets = loadAssets(path.join(import.meta.dirname, '../../pages/demo'));
  const site = { url: '', events: [] as Record<string, unknown>[], requests: 0 };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://any');
    if (pathname.startsWith('/v1/')) {
      site.requests++;
      let body = '';
      for await (const chunk of request) body += chunk;
      if (request.method === 'POST') site.events.push(JSON.parse(body));
      collector(request, response, body);
      return;
    }
    const asset = assets.get(pathname.slice(1) || 'index.html');
    if (!asset) {
      response.writeHead(404).end();
      return;
    }
    response
      .writeHead(200, { 'content-type': asset.contentType, 'content-security-policy': CONTENT_SECURITY_POLICY })
      .end(asset.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return site;
}
