/**
 * What is asked of both sides, in this order. `SINK` and `MOVABLE` stand for classes that both have
 * under names of their own: one that loads, and one whose position can be altered.
 */

/** A request. */
export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Sent as it is, in place of a body in JSON. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Waits until a connector has this state, and its tasks if it has any. */
export interface Settle {
  readonly settle: string;
  readonly state: string;
}

/** Waits until so many topics of a connector are active: what a reset changed is known a moment later. */
export interface SettleTopics {
  readonly settle: string;
  readonly topics: number;
}

export type Step = Call | Settle | SettleTopics;

export const SINK = 'SINK';
export const MOVABLE = 'MOVABLE';
export const TOPICS = ['select-color', 'web-events'] as const;

const CONFIG = { 'connector.class': SINK, topics: 'select-color', 'tasks.max': '1' };
const MOVABLE_CONFIG = {
  'connector.class': MOVABLE,
  topics: 'select-color',
  'tasks.max': '1',
  'connection.url': 'http://127.0.0.1:1',
};

const call =
  (method: string) =>
  (path: string, body?: unknown): Call => ({ method, path, ...(body === undefined ? {} : { body }) });
const get = call('GET');
const post = call('POST');
const put = call('PUT');
const patch = call('PATCH');
const remove = call('DELETE');
const settle = (name: string, state: string): Settle => ({ settle: name, state });
const settleTopics = (name: string, topics: number): SettleTopics => ({ settle: name, topics });
const text = (method: string, path: string, body: string, type = 'application/json'): Call => ({
  method,
  path,
  text: body,
  headers: { 'content-type': type },
});

const SERVER: readonly Step[] = [
  { ...get('/'), headers: { accept: 'application/json' } },
  get('/health'),
  get('/connectors'),
  get('/connectors?expand=status'),
  get('/connectors?expand=info'),
  get('/nowhere'),
  get('/connectors/one/nowhere'),
  remove('/connectors'),
  patch('/connectors', {}),
  put('/connectors', {}),
  post('/connectors/one', {}),
];

const CREATE: readonly Step[] = [
  post('/connectors', { name: 'one', config: CONFIG }),
  settle('one', 'RUNNING'),
  post('/connectors', { name: 'one', config: CONFIG }),
  post('/connectors', { name: 'two', config: { ...CONFIG, name: 'two' } }),
  settle('two', 'RUNNING'),
  post('/connectors', { name: 'three', config: CONFIG, initial_state: 'STOPPED' }),
  settle('three', 'STOPPED'),
  post('/connectors', { name: 'five', config: CONFIG, initial_state: 'running' }),
  settle('five', 'RUNNING'),
  post('/connectors', { name: 'six', config: CONFIG, initial_state: 'SLEEPING' }),
  post('/connectors', { name: 'six', config: { ...CONFIG, name: 'other' } }),
  post('/connectors', { name: 'six', config: CONFIG, strange: 1 }),
  post('/connectors', { name: 'six', config: { topics: 'select-color' } }),
  post('/connectors', { name: 'six', config: { 'connector.class': SINK } }),
  post('/connectors', { name: 'six', config: { ...CONFIG, 'topics.regex': 'select-.*' } }),
  post('/connectors', { name: 'six', config: { ...CONFIG, 'tasks.max': '0' } }),
  post('/connectors', { name: 'six', config: { ...CONFIG, 'tasks.max': 'many' } }),
  post('/connectors', { name: 'six', config: { ...CONFIG, 'errors.tolerance': 'some' } }),
  post('/connectors', { name: 'six', config: { ...CONFIG, 'connector.class': 'NoSuchSink' } }),
  post('/connectors', { name: 'six', config: {} }),
  post('/connectors', { config: CONFIG }),
  text('POST', '/connectors', '{"name":'),
  text('POST', '/connectors', '{}', 'text/plain'),
  get('/connectors/six'),
];

const READ: readonly Step[] = [
  get('/connectors'),
  get('/connectors?expand=status'),
  get('/connectors?expand=info'),
  get('/connectors?expand=status&expand=info'),
  get('/connectors?expand=nothing'),
  ...['one', 'three', 'five', 'none', '..%2Fone', '%20', 'One'].map((name) => get(`/connectors/${name}`)),
  ...['one', 'three', 'none'].map((name) => get(`/connectors/${name}/config`)),
  ...['one', 'two', 'three', 'none'].map((name) => get(`/connectors/${name}/status`)),
  ...['one', 'three', 'none'].map((name) => get(`/connectors/${name}/tasks`)),
  get('/connectors/one/tasks/0/status'),
  get('/connectors/one/tasks/7/status'),
  get('/connectors/one/tasks/first/status'),
  get('/connectors/three/tasks/0/status'),
  get('/connectors/none/tasks/0/status'),
  get('/connectors/one/tasks/0'),
  get('/connectors/one/'),
];

const CHANGE: readonly Step[] = [
  put('/connectors/one/config', { ...CONFIG, 'tasks.max': '2' }),
  settle('one', 'RUNNING'),
  get('/connectors/one/config'),
  put('/connectors/one/config', { ...CONFIG, name: 'one' }),
  settle('one', 'RUNNING'),
  put('/connectors/one/config', { ...CONFIG, name: 'two' }),
  put('/connectors/one/config', { topics: 'select-color' }),
  put('/connectors/one/config', {}),
  put('/connectors/put/config', CONFIG),
  settle('put', 'RUNNING'),
  get('/connectors/put'),
  patch('/connectors/put/config', { topics: 'select-color,web-events' }),
  settle('put', 'RUNNING'),
  patch('/connectors/put/config', { 'tasks.max': null }),
  settle('put', 'RUNNING'),
  patch('/connectors/put/config', { topics: null }),
  patch('/connectors/put/config', {}),
  settle('put', 'RUNNING'),
  patch('/connectors/put/config', { name: 'one' }),
  settle('put', 'RUNNING'),
  put('/connectors/put/config', CONFIG),
  settle('put', 'RUNNING'),
  patch('/connectors/none/config', { topics: 'web-events' }),
  get('/connectors/put/config'),
];

const STATES: readonly Step[] = [
  put('/connectors/one/pause'),
  settle('one', 'PAUSED'),
  get('/connectors/one/status'),
  put('/connectors/one/pause'),
  put('/connectors/one/resume'),
  settle('one', 'RUNNING'),
  put('/connectors/one/resume'),
  put('/connectors/one/stop'),
  settle('one', 'STOPPED'),
  get('/connectors/one/status'),
  get('/connectors/one'),
  get('/connectors/one/tasks'),
  put('/connectors/one/stop'),
  put('/connectors/one/resume'),
  settle('one', 'RUNNING'),
  get('/connectors/one/status'),
  post('/connectors/one/restart'),
  settle('one', 'RUNNING'),
  post('/connectors/one/restart?includeTasks=true'),
  settle('one', 'RUNNING'),
  post('/connectors/one/restart?onlyFailed=true'),
  settle('one', 'RUNNING'),
  post('/connectors/one/restart?includeTasks=true&onlyFailed=true'),
  settle('one', 'RUNNING'),
  post('/connectors/one/restart?includeTasks=perhaps'),
  settle('one', 'RUNNING'),
  post('/connectors/one/tasks/0/restart'),
  settle('one', 'RUNNING'),
  post('/connectors/one/tasks/7/restart'),
  post('/connectors/none/tasks/0/restart'),
  ...['pause', 'resume', 'stop'].map((action) => put(`/connectors/none/${action}`)),
  post('/connectors/none/restart'),
  post('/connectors/none/restart?includeTasks=true'),
  get('/connectors/one/pause'),
  post('/connectors/one/pause'),
  get('/connectors/one/restart'),
  post('/connectors', { name: 'four', config: CONFIG, initial_state: 'PAUSED' }),
  settle('four', 'PAUSED'),
  get('/connectors/four/status'),
  put('/connectors/four/resume'),
  settle('four', 'RUNNING'),
  get('/connectors/four'),
  get('/connectors/four/status'),
  put('/connectors/four/pause'),
  settle('four', 'PAUSED'),
  get('/connectors/four/status'),
  get('/connectors/four/tasks/0/status'),
  put('/connectors/four/stop'),
  settle('four', 'STOPPED'),
  get('/connectors/four/status'),
  put('/connectors/four/resume'),
  settle('four', 'RUNNING'),
  put('/connectors/four/config', { ...CONFIG, topics: 'web-events' }),
  settle('four', 'RUNNING'),
  get('/connectors/four/config'),
  remove('/connectors/four'),
  get('/connectors/four'),
  post('/connectors', { name: 'four', config: CONFIG }),
  settle('four', 'RUNNING'),
  get('/connectors?expand=status'),
  get('/connectors?expand=info'),
];

const OFFSETS: readonly Step[] = [
  settleTopics('one', 1),
  get('/connectors/one/topics'),
  get('/connectors/none/topics'),
  get('/connectors/none/offsets'),
  patch('/connectors/one/offsets', { offsets: [offsetOf(0, 1)] }),
  remove('/connectors/one/offsets'),
  put('/connectors/one/stop'),
  settle('one', 'STOPPED'),
  get('/connectors/one/offsets'),
  patch('/connectors/one/offsets', { offsets: [offsetOf(0, 5)] }),
  patch('/connectors/one/offsets', { offsets: [offsetOf(0, 1)] }),
  get('/connectors/one/topics'),
  put('/connectors/one/topics/reset'),
  settleTopics('one', 0),
  get('/connectors/one/topics'),
  post('/connectors', { name: 'moved', config: MOVABLE_CONFIG, initial_state: 'STOPPED' }),
  settle('moved', 'STOPPED'),
  get('/connectors/moved/offsets'),
  patch('/connectors/moved/offsets', { offsets: [offsetOf(0, 2), offsetOf(1, 3)] }),
  get('/connectors/moved/offsets'),
  patch('/connectors/moved/offsets', { offsets: [{ ...offsetOf(0, 0), offset: null }] }),
  get('/connectors/moved/offsets'),
  patch('/connectors/moved/offsets', {}),
  patch('/connectors/moved/offsets', { offsets: [] }),
  patch('/connectors/moved/offsets', { offsets: [{ partition: { kafka_topic: 'select-color' }, offset: {} }] }),
  patch('/connectors/moved/offsets', { offsets: [offsetOf(99, 1)] }),
  patch('/connectors/none/offsets', { offsets: [offsetOf(0, 1)] }),
  remove('/connectors/moved/offsets'),
  get('/connectors/moved/offsets'),
  remove('/connectors/none/offsets'),
];

const PLUGINS: readonly Step[] = [
  get('/connector-plugins'),
  get('/connector-plugins?connectorsOnly=true'),
  get('/connector-plugins?connectorsOnly=false'),
  get(`/connector-plugins/${SINK}/config`),
  get('/connector-plugins/NoSuchSink/config'),
  put(`/connector-plugins/${SINK}/config/validate`, { ...CONFIG, name: 'v' }),
  put(`/connector-plugins/${SINK}/config/validate`, { 'connector.class': SINK }),
  put(`/connector-plugins/${SINK}/config/validate`, { ...CONFIG, name: 'v', 'tasks.max': 'many' }),
  put(`/connector-plugins/${SINK}/config/validate`, { topics: 'select-color' }),
  put('/connector-plugins/NoSuchSink/config/validate', CONFIG),
];

const LOGGERS: readonly Step[] = [
  get('/admin/loggers'),
  get('/admin/loggers/root'),
  get('/admin/loggers/no.such.logger'),
  put('/admin/loggers/root', { level: 'WARN' }),
  get('/admin/loggers/root'),
  put('/admin/loggers/root', { level: 'info' }),
  put('/admin/loggers/root?scope=worker', { level: 'ERROR' }),
  put('/admin/loggers/root?scope=cluster', { level: 'INFO' }),
  put('/admin/loggers/root', { level: 'LOUD' }),
  put('/admin/loggers/root', {}),
  put('/admin/loggers/no.such.logger', { level: 'INFO' }),
  put('/admin/loggers/root', { level: 'INFO' }),
];

const DELETE: readonly Step[] = [
  ...['one', 'two', 'three', 'four', 'five', 'put', 'moved'].map((name) => remove(`/connectors/${name}`)),
  remove('/connectors/one'),
  get('/connectors/one/status'),
  get('/connectors/one/offsets'),
  get('/connectors'),
];

export const STEPS: readonly Step[] = [
  ...SERVER,
  ...CREATE,
  ...READ,
  ...CHANGE,
  ...STATES,
  ...OFFSETS,
  ...PLUGINS,
  ...LOGGERS,
  ...DELETE,
];

function offsetOf(partition: number, offset: number) {
  return {
    partition: { kafka_topic: 'select-color', kafka_partition: partition },
    offset: { kafka_offset: offset },
  };
}
