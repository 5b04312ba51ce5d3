/** What a loader that only sends would do: the same requests as the sink makes, and as many at once. */
import http from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { LogRecord } from '../../src/log/log.ts';
import { isRefusal } from '../../src/sinks/row.ts';
import { toDocument } from '../../src/sinks/search/document.ts';

const compress = promisify(gzip);

/** The lines of a request that creates these events in an index. */
export function bulkBody(index: string, records: readonly LogRecord[]): string {
  return records
    .map((record) => {
      const document = toDocument(record, 't+0');
      if (isRefusal(document)) throw new Error(`a record of the bench is refused: ${document.reason}`);
      return `{"create":{"_index":"${index}","_id":${JSON.stringify(document.id)}}}\n${document.source}\n`;
    })
    .join('');
}

/** Sends all requests, so many at once, and reads what became of each event. */
export async function sendBare(url: string, bodies: readonly string[], requests: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: requests });
  const left = bodies.values();
  const lane = async () => {
    for (const body of left) {
      const answer = JSON.parse((await post(agent, url, await compress(body, { level: 1 }))).toString()) as Answer;
      if (answer.errors || answer.items.length === 0) throw new Error('a request of the bench was refused');
    }
  };
  await Promise.all(Array.from({ length: requests }, lane));
  agent.destroy();
}

interface Answer {
  readonly errors: boolean;
  readonly items: readonly unknown[];
}

function post(agent: http.Agent, url: string, body: Buffer): Promise<Buffer> {
  const headers = {
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
    'content-length': body.byteLength,
  };
  return new Promise((resolve, reject) => {
    const path = `${url}/_bulk?filter_path=errors,error,status,items.*.status,items.*.error`;
    const request = http.request(path, { method: 'POST', agent, headers });
    request.on('error', reject);
    request.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(pieces));
        else reject(new Error(`the bench was answered ${response.statusCode}`));
      });
    });
    request.end(body);
  });
}
