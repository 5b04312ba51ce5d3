import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from '../../support/logger.ts';
import { isConnectorClass } from '../config/connect-keys.ts';
import type { FlatConfig } from '../config/mapping.ts';
import { describeKeys, plugins } from '../config/validation.ts';
import type { TargetState } from '../store/connector-store.ts';
import { connectorStoreErrors } from '../store/connector-store.ts';
import type { Connectors, ShownConnector, Standing } from './connectors.ts';
import { connectErrors, toConnectError } from './errors.ts';
import type { Loggers } from './loggers.ts';
import { loggerRoutes } from './loggers.ts';
import { offsetRoutes } from './offsets.ts';
import { refuseOthers } from './others.ts';
import { patched, readConfig, readCreate, readFlag, readPatch, withName } from './requests.ts';
import { infoOf, restarting, standingOf, statusOf } from './shown.ts';

export interface ConnectRoutes {
  readonly connectors: Connectors;
  readonly loggers: Loggers;
  /** Of this program. */
  readonly version: string;
  /** Takes a line for each change, and what failed. */
  readonly logger: Logger;
}

interface Named {
  readonly Params: { readonly name: string };
}
interface Task {
  readonly Params: { readonly name: string; readonly task: string };
}
interface Plugin {
  readonly Params: { readonly plugin: string };
}

/**
 * Kafka Connect's REST API, with its paths, status codes and errors, as a plugin of a server that
 * has let the request in. Its own error handler and body parser hold within the plugin only.
 */
export async function connectRoutes(server: FastifyInstance, routes: ConnectRoutes): Promise<void> {
  const { connectors, logger, version } = routes;
  const finish = setUp(server, routes);

  const find = async (name: string): Promise<ShownConnector> => {
    const found = (await connectors.all()).get(name);
    if (!found) throw connectErrors.CONNECT_NOT_FOUND(`Connector ${name} not found`);
    return found;
  };
  /** One that is not the file's: those change there alone. */
  const findToChange = async (name: string): Promise<ShownConnector> => {
    const found = await find(name);
    if (!found.isFromFile) return found;
    throw connectErrors.CONNECTOR_OF_THE_FILE(`Connector ${name} stands in the configuration file`);
  };
  const mustBeValid = async (config: FlatConfig): Promise<void> => {
    const { faults, cautions } = await connectors.check(config);
    if (faults.length > 0) throw invalidConfig(faults.map(({ message }) => message));
    for (const { key, message } of cautions) {
      logger.warn({ connector: config['name'], key, caution: message }, 'a connector is not quite as it was asked for');
    }
  };
  const audit = (name: string, change: string) => logger.info({ connector: name, change }, 'a connector was changed');

  server.get('/connectors', async ({ query }) => {
    const all = [...(await connectors.all()).values()];
    const { expand: wanted } = query as { expand?: string | string[] };
    if (wanted === undefined) return all.map(({ name }) => name);
    const expand = [wanted].flat();
    return Object.fromEntries(
      all.map((one) => [
        one.name,
        {
          ...(expand.includes('status') ? { status: statusOf(one, version) } : {}),
          ...(expand.includes('info') ? { info: infoOf(one) } : {}),
        },
      ]),
    );
  });

  server.post('/connectors', async ({ body }, reply) => {
    const { name, config, target } = readCreate(body);
    if ((await connectors.all()).has(name)) throw conflict(name);
    await mustBeValid(config);
    await connectors.create(name, config, target);
    audit(name, 'create');
    return created(reply, await find(name));
  });

  server.get<Named>('/connectors/:name', async ({ params: { name } }) => infoOf(await find(name)));
  server.get<Named>('/connectors/:name/config', async ({ params: { name } }) => (await find(name)).config);
  server.get<Named>('/connectors/:name/status', async ({ params: { name } }) => {
    const found = (await connectors.all()).get(name);
    if (!found) throw connectErrors.CONNECT_NOT_FOUND(`No status found for connector ${name}`);
    return statusOf(found, version);
  });
  server.get<Named>('/connectors/:name/tasks', async ({ params: { name } }) => {
    const { tasks, config } = await find(name);
    return tasks.map((_, task) => ({ id: { connector: name, task }, config }));
  });

  server.put<Named>('/connectors/:name/config', async ({ params: { name }, body }, reply) => {
    const config = withName(readConfig(body), name);
    const isNew = !(await connectors.all()).has(name);
    if (!isNew) await findToChange(name);
    await mustBeValid(config);
    if (isNew) await connectors.create(name, config, 'STARTED');
    else await connectors.configure(name, config);
    audit(name, isNew ? 'create' : 'configure');
    const shown = await find(name);
    return isNew ? created(reply, shown) : infoOf(shown);
  });

  server.patch<Named>('/connectors/:name/config', async ({ params: { name }, body }) => {
    const patch = readPatch(body);
    const { config: before } = await findToChange(name);
    const config = withName(patched(before, patch), name);
    await mustBeValid(config);
    await connectors.configure(name, config);
    audit(name, 'patch');
    return infoOf(await find(name));
  });

  server.delete<Named>('/connectors/:name', async ({ params: { name } }, reply) => {
    await findToChange(name);
    await connectors.remove(name);
    audit(name, 'delete');
    return reply.code(204).send();
  });

  for (const [action, target, status] of TARGETS) {
    server.put<Named>(`/connectors/:name/${action}`, async ({ params: { name } }, reply) => {
      await findToChange(name);
      await connectors.setTarget(name, target);
      audit(name, action);
      return reply.code(status).send();
    });
  }

  server.post<Named>('/connectors/:name/restart', async ({ params: { name }, query }, reply) => {
    const command = { includeTasks: readFlag(query, 'includeTasks'), onlyFailed: readFlag(query, 'onlyFailed') };
    const found = await findToChange(name);
    await connectors.restart(name, command);
    audit(name, 'restart');
    // As KIP-745 has it: the old form of the call answers as it always did.
    if (!command.includeTasks && !command.onlyFailed) return reply.code(204).send();
    return reply.code(202).send(statusOf(restarting(found, command), version));
  });

  const findTask = async (name: string, task: string): Promise<{ readonly id: number } & Standing> => {
    const { tasks } = await find(name);
    const id = /^\d{1,4}$/.test(task) ? Number(task) : -1;
    const found = tasks[id];
    if (!found) throw connectErrors.CONNECT_NOT_FOUND(`No status found for task ${name}-${task}`);
    return { id, ...found };
  };
  server.get<Task>('/connectors/:name/tasks/:task/status', async ({ params: { name, task } }) => {
    const { id, ...standing } = await findTask(name, task);
    return { id, ...standingOf(standing, version) };
  });

  server.post<Task>('/connectors/:name/tasks/:task/restart', async ({ params: { name, task } }, reply) => {
    await findToChange(name);
    await findTask(name, task);
    await connectors.restart(name, { includeTasks: true, onlyFailed: false });
    audit(name, 'restart');
    return reply.code(204).send();
  });
  offsetRoutes(server, { connectors, find, findToChange, audit });

  server.get('/connector-plugins', async () => plugins(version));
  server.get<Plugin>('/connector-plugins/:plugin/config', async ({ params: { plugin } }) =>
    describeKeys(classOf(plugin)),
  );
  server.put<Plugin>('/connector-plugins/:plugin/config/validate', async ({ params: { plugin }, body }) => {
    const config = readConfig(body);
    if (config['connector.class'] !== undefined && config['connector.class'] !== plugin) {
      const message = `Included connector type ${config['connector.class']} does not match request type ${plugin}`;
      throw connectErrors.CONNECT_REQUEST_INVALID(message);
    }
    return connectors.validate(classOf(plugin), config);
  });
  finish();
}

/** The same paths in a process that does not load. */
export async function connectElsewhere(
  server: FastifyInstance,
  routes: Pick<ConnectRoutes, 'logger' | 'loggers'>,
): Promise<void> {
  const finish = setUp(server, routes, ['/admin']);
  finish();
  for (const path of ['/connectors', '/connectors/*', '/connector-plugins', '/connector-plugins/*']) {
    server.all(path, async () => {
      throw connectErrors.CONNECT_NOT_SERVED('This process does not load, and so has no connectors.');
    });
  }
}

const TARGETS: readonly (readonly [action: string, target: TargetState, status: number])[] = [
  ['pause', 'PAUSED', 202],
  ['resume', 'STARTED', 202],
  ['stop', 'STOPPED', 204],
];

/** What holds in every process; returns what is to be called when all routes are made. */
function setUp(
  server: FastifyInstance,
  { logger, loggers }: Pick<ConnectRoutes, 'logger' | 'loggers'>,
  paths: readonly string[] = ['/connectors', '/connector-plugins', '/admin'],
): () => void {
  // Kafka Connect's API is described by Kafka Connect.
  server.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, hide: true } as NonNullable<typeof route.schema>;
  });
  // Clients send the type of a body with calls that have none.
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(connectErrors.CONNECT_REQUEST_INVALID('The body is not valid JSON.'));
    }
  });
  server.setErrorHandler((error, request, reply) => {
    const answer = toConnectError(error);
    if (answer.error_code >= 500) {
      const { method, routeOptions } = request;
      // That the log is away is told once by whoever follows it, and not by each request.
      const level = answer.error_code === 503 ? 'debug' : 'warn';
      logger[level]({ err: error, method, route: routeOptions.url }, 'a request about connectors failed');
    }
    if (answer.error_code === 401) reply.header('www-authenticate', 'Bearer realm="millrace"');
    return reply.code(answer.error_code).type('application/json').send(JSON.stringify(answer));
  });
  const finish = refuseOthers(server, paths);
  loggerRoutes(server, loggers, (change) => logger.info(change, 'the level of a logger was changed'));
  return finish;
}

/** Its tasks are not known yet, in Kafka Connect; here neither, on other workers. */
function created(reply: FastifyReply, shown: ShownConnector): FastifyReply {
  const { name } = shown;
  return reply
    .code(201)
    .header('location', `/connectors/${name}`)
    .send(infoOf({ ...shown, tasks: [] }));
}

function classOf(plugin: string) {
  if (isConnectorClass(plugin)) return plugin;
  throw connectErrors.CONNECT_NOT_FOUND(`Unknown plugin ${plugin}.`);
}

function conflict(name: string): Error {
  return connectorStoreErrors.CONNECTOR_EXISTS(`Connector ${name} already exists`);
}

function invalidConfig(messages: readonly string[]): Error {
  return connectErrors.CONNECT_CONFIG_INVALID(
    [
      `Connector configuration is invalid and contains the following ${messages.length} error(s):`,
      ...messages,
      'You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`',
    ].join('\n'),
  );
}
