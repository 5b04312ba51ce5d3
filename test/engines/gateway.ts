/** A gateway before WebHDFS, as Knox is one: https, a path of its own, and credentials; data goes through it too. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { Certificate } from './certificates.ts';
import type { Hdfs } from './hdfs.ts';

const FILES = '/gateway/default/webhdfs/v1';
const DATA = '/gateway/data/';

export class Gateway {
  readonly #hdfs: Hdfs;
  readonly #server;
  /** What a request must prove who it is with. */
  authorization: string;
  /** Says that it can't serve. */
  away = false;
  /** Uploads that were let through. */
  uploads = 0;

  private constructor(hdfs: Hdfs, { cert, key }: Certificate, authorization: string) {
    this.#hdfs = hdfs;
    this.authorization = authorization;
    this.#server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (asked, answer) =>
      this.#handle(asked, answer),
    );
  }

  static async start(hdfs: Hdfs, certificate: Certificate, authorization: string): Promise<Gateway> {
    const gateway = new Gateway(hdfs, certificate, authorization);
    gateway.#server.listen(0, '127.0.0.1');
    await once(gateway.#server, 'listening');
    return gateway;
  }

  /** Where WebHDFS is for a client that knows the gateway by this name. */
  url(host: string): string {
    return `https://${host}:${(this.#server.address() as AddressInfo).port}${FILES}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #handle(asked: IncomingMessage, answer: ServerResponse): void {
    const to = this.#targetOf(asked.url ?? '');
    if (this.away || !to) answer.writeHead(this.away ? 503 : 404).end('<h1>Sorry</h1>');
    else if (asked.headers.authorization !== this.authorization) {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="gateway"' }).end('<h1>Unauthorized</h1>');
    } else this.#forward(asked, to, answer);
  }

  #targetOf(asked: string): URL | undefined {
    if (asked.startsWith(DATA)) {
      this.uploads++;
      return new URL(`http://${asked.slice(DATA.length)}`);
    }
    if (!asked.startsWith(FILES)) return undefined;
    const url = new URL(`${this.#hdfs.url}/webhdfs/v1${asked.slice(FILES.length)}`);
    url.searchParams.set('user.name', this.#hdfs.user);
    return url;
  }

  #forward(asked: IncomingMessage, to: URL, answer: ServerResponse): void {
    const { host, authorization, ...headers } = asked.headers;
    const forwarded = request(to, { method: asked.method, headers });
    forwarded.once('response', ({ statusCode = 0, headers }) => {
      const place = URL.parse(headers.location ?? '');
      const location = place && { location: `https://${host}${DATA}${place.host}${place.pathname}${place.search}` };
      answer.writeHead(statusCode, { ...headers, ...location });
    });
    forwarded.once('response', (body) => pipeline(body, answer, () => {}));
    pipeline(asked, forwarded, (error) => {
      if (error) answer.destroy();
    });
    forwarded.flushHeaders();
  }
}
