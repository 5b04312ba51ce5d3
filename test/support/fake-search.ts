/** A search engine that keeps documents in memory, and answers what a test tells it to. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';

export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Inflated. */
  readonly body: string;
  /** Ids of the documents that a bulk creates, in order. */
  readonly ids: readonly string[];
}

export class FakeSearch {
  readonly asked: Asked[] = [];
  /** Sources by `index/id`. */
  readonly documents = new Map<string, { readonly _millrace: { readonly hash: string } }>();
  url = '';
  /**
   * Answers instead of the store; `undefined` lets the store answer. `'lost'` stores and then cuts
   * the connection, `'torn'` does so in the middle of the answer.
   */
  instead: (asked: Asked) => FakeAnswer | 'lost' | 'torn' | undefined = () => undefined;
  /** What becomes of one document instead of its being stored. */
  judge: (id: string) => { readonly status: number; readonly error: object } | undefined = () => undefined;
  /** Why it can't be told whether a document is there; undefined if it can. */
  untold: () => string | undefined = () => undefined;

  get bulks(): readonly Asked[] {
    return this.asked.filter(({ path }) => path.startsWith('/_bulk'));
  }

  static async start(t: TestContext): Promise<FakeSearch> {
    const fake = new FakeSearch();
    const server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const raw = Buffer.concat(pieces);
      const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString('utf8');
      const asked: Asked = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body,
        ids: (request.url ?? '').startsWith('/_bulk') ? actionsOf(body).map(({ id }) => id) : [],
      };
      fake.asked.push(asked);
      const instead = fake.instead(asked);
      const answer = typeof instead === 'object' ? instead : fake.#answer(asked);
      if (instead === 'lost') {
        request.socket.destroy();
        return;
      }
      const text = answer.body === undefined ? '' : JSON.stringify(answer.body);
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      if (instead === 'torn') response.write(text.slice(0, text.length / 2), () => request.socket.destroy());
      else response.end(text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    fake.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return fake;
  }

  #answer({ path, body }: Asked): FakeAnswer {
    if (path.startsWith('/_bulk')) {
      return {
        status: 200,
        body: { errors: false, items: actionsOf(body).map((action) => ({ create: this.#create(action) })) },
      };
    }
    if (path.startsWith('/_mget')) {
      const { docs } = JSON.parse(body) as { docs: { _index: string; _id: string }[] };
      const found = docs.map(({ _index, _id }) => {
        const _source = this.documents.get(`${_index}/${_id}`);
        const error = this.untold();
        if (error) return { _index, _id, error: { type: error, reason: 'said so' } };
        return _source ? { _id, found: true, _source } : { _id, found: false };
      });
      return { status: 200, body: { docs: found } };
    }
    return { status: 404 };
  }

  #create({ index, id, source }: Action): { readonly status: number; readonly error?: object } {
    const judged = this.judge(id);
    if (judged) return judged;
    const key = `${index}/${id}`;
    if (this.documents.has(key)) return { status: 409, error: { type: 'version_conflict_engine_exception', index } };
    this.documents.set(key, source);
    return { status: 201 };
  }
}

interface Action {
  readonly index: string;
  readonly id: string;
  readonly source: { readonly _millrace: { readonly hash: string } };
}

function actionsOf(body: string): Action[] {
  const lines = body.split('\n').slice(0, -1);
  return lines.flatMap((line, at) => {
    if (at % 2 === 1) return [];
    const { create } = JSON.parse(line) as { create: { _index: string; _id: string } };
    return [{ index: create._index, id: create._id, source: JSON.parse(lines[at + 1] ?? '') as Action['source'] }];
  });
}
