import type { TestContext } from 'node:test';
import type { OperationsConfig } from '../../src/operations/config.ts';
import { createOperationsServer } from '../../src/operations/server.ts';
import type { Clock } from '../../src/support/clock.ts';
import { systemClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { FakeOperations } from './operations.ts';

/** A server of operations on what a test prepares, and who asks it without a network. */
export function operationsServer(
  t: TestContext,
  config: Partial<OperationsConfig> = {},
  clock: Clock = systemClock,
  prepare: (operations: FakeOperations) => void = () => {},
) {
  const operations = new FakeOperations();
  prepare(operations);
  const lines: string[] = [];
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const server = createOperationsServer({
    config: { listen: '127.0.0.1:0', token: undefined, hosts: [], ...config },
    operations,
    logger: { ...silentLogger, warn: note, error: note },
    clock,
  });
  t.after(() => server.close());
  const ask = async (
    url: string,
    options: { method?: 'GET' | 'POST' | 'PUT' | 'DELETE'; headers?: object; body?: object } = {},
  ) => {
    const { method = 'GET', headers, body } = options;
    const response = await server.inject({
      method,
      url,
      headers: { host: '127.0.0.1:8083', ...headers },
      ...(body ? { payload: body } : {}),
    });
    return { status: response.statusCode, headers: response.headers, text: response.body, json: () => response.json() };
  };
  return { operations, server, ask, lines };
}
