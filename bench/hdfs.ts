/** Loading into HDFS, next to bare uploads over WebHDFS. */
import http from 'node:http';
import { startHdfs } from '../test/engines/hdfs.ts';
import type { Report } from './run.ts';
import type { StoreBench } from './stores/bench.ts';
import { storeBench } from './stores/bench.ts';

const PIECE_BYTES = 256 << 10;
const CREATED = 201;
const REDIRECT = 307;

export const run = (report: Report) => storeBench({ name: 'hdfs', start }, report);

async function start(): Promise<StoreBench> {
  const hdfs = await startHdfs({ throughput: true });
  const agent = new http.Agent({ keepAlive: true });
  return {
    store: (folder) => ({ hdfs: { namenodes: [hdfs.url], user: hdfs.user, path: `/${folder}` } }),
    put: async (file, content) => {
      const first = `${hdfs.url}/webhdfs/v1/bare/${file}?op=CREATE&overwrite=false&user.name=${hdfs.user}`;
      const { headers } = await put(agent, first, Buffer.alloc(0), REDIRECT);
      await put(agent, headers.location!, content, CREATED);
    },
    close: async () => {
      agent.destroy();
      await hdfs.close();
    },
  };
}

function put(agent: http.Agent, url: string, content: Buffer, expected: number): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'PUT', agent, headers: { 'content-length': content.length } });
    request.on('error', reject);
    request.on('response', (response) => {
      response.resume();
      if (response.statusCode === expected) response.on('end', () => resolve(response));
      else reject(new Error(`${url} answered ${response.statusCode}`));
    });
    for (let at = 0; at < content.length; at += PIECE_BYTES) request.write(content.subarray(at, at + PIECE_BYTES));
    request.end();
  });
}
