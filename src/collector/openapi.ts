import type { RouteDescription } from './routes.ts';
import { routes } from './routes.ts';

/** The OpenAPI 3.1 document of the collector, made from the schemas that validate its requests. */
export function openapiDocument(): Record<string, unknown> {
  const paths = Object.entries<RouteDescription>(routes).map(([path, route]) => [path, pathItem(route)]);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Millrace collector',
      version: '1',
      description: 'Takes events from web pages. Any path also answers 404 and 405 with an error body, and OPTIONS.',
    },
    paths: Object.fromEntries(paths),
  };
}

function pathItem(route: RouteDescription): Record<string, unknown> {
  const item: Record<string, unknown> = {};
  for (const method of ['GET', 'POST'] as const) {
    const operation = route[method];
    if (operation === undefined) continue;
    const { summary, query, path = {}, body, replies } = operation;
    const parameters = [
      ...Object.entries(path).map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
      ...Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
        ...{ name, in: 'query', schema },
        required: query?.required?.includes(name) ?? false,
      })),
    ];
    item[method.toLowerCase()] = {
      summary,
      ...(parameters.length > 0 ? { parameters } : {}),
      ...(body ? { requestBody: { required: true, content: contentOf(body) } } : {}),
      responses: Object.fromEntries(
        Object.entries(replies).map(([status, { description, schemas, retryAfter }]) => [
          status,
          {
            description,
            ...(retryAfter ? { headers: { 'Retry-After': RETRY_AFTER } } : {}),
            ...(schemas
              ? { content: contentOf({ 'application/json': schemas.length > 1 ? { anyOf: schemas } : schemas[0]! }) }
              : {}),
          },
        ]),
      ),
    };
  }
  return item;
}

const RETRY_AFTER = { description: 'Seconds to wait before sending again.', schema: { type: 'integer', minimum: 1 } };

function contentOf(schemas: Readonly<Record<string, object>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema }]));
}
