import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the kernel gives to outgoing connections: one of those could take the
 * port of a server that was killed and is about to start again.
 */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;

/** Ports of the loopback that nobody listens on. Chosen at random, so that two processes rarely meet. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Whether a server could listen on the port. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, 'listening');
  server.listen(port, '127.0.0.1');
  try {
    await listening;
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
