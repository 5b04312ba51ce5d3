/** The load: connections that each send a request, wait for the reply, and send the next. */
import net from 'node:net';
import { quantile } from '../statistics.ts';
import type { LoadOrder, LoadReport, Workload } from './messages.ts';
import { BATCH_EVENTS } from './messages.ts';

/** Different requests that take turns; enough that no cache of the server holds them all. */
const DISTINCT = 4096;
const COLORS = ['red', 'orange', 'yellow', 'green', 'blue', 'indigo', 'violet', '%EB%B9%A8%EA%B0%95'];

function userAgent(n: number): string {
  const version = `${100 + (n % 40)}.0.${n % 7}.0`;
  return `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Safari/537.36`;
}

function requests(workload: Workload): Buffer[] {
  return Array.from({ length: workload === 'select' ? DISTINCT : DISTINCT / 32 }, (_, n) => {
    const common = `Host: localhost\r\nUser-Agent: ${userAgent(n)}\r\nAccept: */*\r\nOrigin: https://example.com\r\n`;
    if (workload === 'select') {
      return Buffer.from(`GET /api/select?color=${COLORS[n % COLORS.length]}&user=user${n} HTTP/1.1\r\n${common}\r\n`);
    }
    const events = Array.from({ length: BATCH_EVENTS }, (_, m) => ({
      ...{ type: 'select-color', id: `load-${n}-${m}`, timestamp: new Date().toISOString() },
      ...{ userName: `user${n * m}`, colorName: COLORS[m % COLORS.length], page: `https://example.com/shop/${m}` },
      properties: { position: m, ratio: m / 7, visible: m % 2 === 0 },
    }));
    const body = Buffer.from(JSON.stringify(events));
    const head = `POST /v1/events HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  });
}

/** A server that ends a connection after some requests, as Tomcat does, says so in its last reply. */
const LAST_REPLY = 'Connection: close';
/** Where the class of the status stands in a reply: after `HTTP/1.1 `. */
const STATUS_AT = 9;
const SUCCESS = '2'.charCodeAt(0);
const LOOK_MS = 10;

async function run(order: LoadOrder): Promise<LoadReport> {
  const { host, port, workload, connections, warmUpRequests = 0, warmUpMs, measureMs } = order;
  const messages = requests(workload);
  const latencies: number[] = [];
  let [next, acknowledged, refused, measuring, stopping] = [0, 0, 0, false, false];

  /** Resolves when the load stops; a connection that the server ends is followed by another. */
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true });
      let sentAt = 0;
      const send = () => {
        sentAt = performance.now();
        socket.write(messages[next++ % messages.length]!);
      };
      socket.on('connect', send);
      // One request at a time, and replies so short that each comes in one piece.
      socket.on('data', (chunk: Buffer) => {
        if (measuring) latencies.push(performance.now() - sentAt);
        if (chunk[STATUS_AT] === SUCCESS) acknowledged++;
        else refused++;
        if (stopping) socket.end(resolve);
        else if (chunk.includes(LAST_REPLY)) socket.end(() => open().then(resolve, reject));
        else send();
      });
      socket.on('error', reject);
    });

  const all = Promise.all(Array.from({ length: connections }, open));
  const warm = performance.now() + warmUpMs;
  while (performance.now() < warm || acknowledged + refused < warmUpRequests) await sleep(LOOK_MS);
  process.send?.('started');
  measuring = true;
  const start = performance.now();
  await sleep(measureMs);
  measuring = false;
  const seconds = (performance.now() - start) / 1000;
  process.send?.('measured');
  stopping = true;
  await all;
  latencies.sort((a, b) => a - b);
  return {
    ...{ requests: latencies.length, seconds, acknowledged, refused },
    ...{ p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on('message', (order: LoadOrder) => {
  run(order).then((report) => process.send?.(report, () => process.exit(0)));
});
