import type { IncomingMessage } from 'node:http';

/** How long a client that is refused in mid-body may go on sending before the connection is cut. */
const LINGER_MS = 1000;
const LINGER_BYTES = 1024 * 1024;

/** Whether the headers announce a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Reads and drops the rest of a body until it ends, the client leaves, or it has been given enough. */
export function linger(request: IncomingMessage, end: () => void): void {
  let dropped = 0;
  const timer = setTimeout(end, LINGER_MS).unref();
  const finish = () => {
    clearTimeout(timer);
    end();
  };
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) finish();
  });
  request.on('end', finish);
  request.on('close', finish);
  request.on('error', finish);
  request.resume();
}
