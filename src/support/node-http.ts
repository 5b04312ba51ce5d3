/**
 * Node's HTTP module for code that makes requests or serves them. An `import` of it reads each of
 * its exports, and one of them, `WebSocket`, loads another whole client: 15 MiB in each thread.
 */
export const http = process.getBuiltinModule('node:http');
