/** The entry of the log's own thread. */
import { parentPort } from 'node:worker_threads';
import { Channel } from '../../support/channel.ts';
import { toPlainError } from '../../support/errors.ts';
import { createLogger } from '../../support/logger.ts';
import type { ControlCalls, OpenerCalls } from './protocol.ts';
import { LogServer } from './server.ts';

const port = parentPort!;
let server: LogServer;

const calls: ControlCalls = {
  open: ({ directory, config, logger }) => {
    const onFailure = (error: Error) => opener.tell('failed', toPlainError(error));
    server = new LogServer({ directory, config, logger: createLogger(logger), onFailure });
  },
  connect: (connection) => server.connect(connection),
  protect: (groups) => server.protect(groups),
  runRetention: (now) => server.runRetention(now),
  statistics: () => server.statistics(),
  close: () => server.close(),
};
const opener = new Channel<OpenerCalls>(port, calls);
