/** HTTP over a bare socket, for requests that no client library would send. */
import net from 'node:net';

export interface RawReply {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
}

/** A request's bytes; Content-Length is set unless the headers say how long the body is. */
export function requestBytes({ method = 'GET', path, headers = [], body = '' }: RawRequest): Buffer {
  const bytes = Buffer.from(body);
  const framed = headers.some((header) => /^(content-length|transfer-encoding):/i.test(header));
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: collector', ...headers];
  if (bytes.length > 0 && !framed) lines.push(`Content-Length: ${bytes.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}

/** Sends bytes and returns the first final reply; rejects if the connection ends without one. */
export function exchange(port: number, bytes: Uint8Array | string): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let received = '';
    const finish = (settle: () => void) => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(20_000, () => finish(() => reject(new Error(`no reply; received ${JSON.stringify(received)}`))));
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const reply = parseReply(received, Buffer.from(bytes).toString('latin1', 0, 5) === 'HEAD ');
      if (reply) finish(() => resolve(reply));
    });
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () => reject(new Error(`closed without a reply; received ${JSON.stringify(received)}`)));
  });
}

/** The first reply in the text that is complete, interim ones (1xx) left out. */
function parseReply(text: string, bodiless: boolean): RawReply | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  if (status < 200) return parseReply(text.slice(end + 4), bodiless);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const body = text.slice(end + 4);
  if (!bodiless && body.length < Number(headers['content-length'] ?? 0)) return undefined;
  return { status, headers, body: Buffer.from(body, 'latin1').toString() };
}
