import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { TestClock } from '../../test/support/clock.ts';
import { until } from '../../test/support/until.ts';
import type { StoredConnector, TargetState } from '../connect/store/connector-store.ts';
import { logErrors } from '../log/errors.ts';
import { silentLogger } from '../support/logger.ts';
import type { ConnectorMaker, Settings } from './connector-maker.ts';
import type { ConnectorHost } from './connector-thread.ts';
import { ManagedConnector } from './managed-connector.ts';

type State = 'RUNNING' | 'PAUSED' | 'ENDED';

/** A thread that does as it is told, after a while. */
class FakeHost {
  readonly topics = ['events'];
  readonly text: string;
  state: State;
  restarts = 0;

  constructor(text: string, isPaused: boolean) {
    this.text = text;
    this.state = isPaused ? 'PAUSED' : 'RUNNING';
  }

  start(): void {}
  async snapshot() {
    return { state: this.state };
  }
  async control(action: 'pause' | 'resume' | 'restart'): Promise<void> {
    await setImmediate();
    if (this.state === 'ENDED') throw new Error('a command to a thread that has ended');
    if (action === 'restart') this.restarts++;
    else this.state = action === 'pause' ? 'PAUSED' : 'RUNNING';
  }
  async stop(): Promise<void> {
    await setImmediate();
    this.state = 'ENDED';
  }
}

/** What a connector is made with here; `text` in its configuration tells its threads apart. */
function setUp(stored: StoredConnector) {
  const clock = new TestClock();
  const hosts: FakeHost[] = [];
  const told = { trouble: undefined as Error | undefined, isMissing: false, takesPart: true };
  const maker: Pick<ConnectorMaker, keyof ConnectorMaker> = {
    map: ({ text = '' }) => {
      const faults = told.isMissing ? [{ key: 'text', message: 'a file is missing' }] : [];
      const settings = { kind: 'files', topics: { names: ['events'] }, text } as unknown as Settings;
      return { settings: told.isMissing ? undefined : settings, faults, cautions: [] };
    },
    choose: async () => ['events'],
    prepare: async () => {
      await setImmediate();
      if (told.trouble) throw told.trouble;
    },
    alterPositions: async () => {},
    host: (settings, _topics, isPaused) => {
      assert.ok(
        hosts.every(({ state }) => state === 'ENDED'),
        'two threads at once',
      );
      const host = new FakeHost((settings as unknown as { text: string }).text, isPaused());
      hosts.push(host);
      return host as unknown as ConnectorHost;
    },
  };
  const managed = new ManagedConnector(stored, { maker, takesPart: () => told.takesPart, clock, logger: silentLogger });
  return { managed, hosts, told, clock, running: () => hosts.filter(({ state }) => state !== 'ENDED') };
}

const connector = (target: TargetState = 'STARTED', text = 'a', id = '1', restart?: number): StoredConnector => ({
  name: 'mine',
  id,
  config: { 'connector.class': 'FilesSink', text },
  target,
  ...(restart === undefined ? {} : { restart: { includeTasks: true, onlyFailed: false, number: restart } }),
});

test('a change is being taken up until what runs is what is stored', async () => {
  const { managed } = setUp(connector());
  assert.equal(managed.isChanging, true);
  await managed.settled();
  assert.equal(managed.isChanging, false);
  managed.follow(connector('PAUSED'));
  assert.equal(managed.isChanging, true);
  await managed.settled();
  assert.equal(managed.isChanging, false);
  await managed.stop();
});

test('whatever is stored one after another, what is stored last is what runs, in one thread', async () => {
  const target = fc.constantFrom<TargetState>('STARTED', 'PAUSED', 'STOPPED');
  const stored = fc.record({ target, text: fc.constantFrom('a', 'b'), id: fc.constantFrom('1', '2'), at: fc.nat(3) });
  const step = fc.oneof(stored, fc.constant('delete'), fc.constant('leave'), fc.constant('join'), fc.constant('wait'));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const { managed, running, told } = setUp(connector());
      let last: StoredConnector | undefined = connector();
      for (const step of steps) {
        if (step === 'wait') await managed.settled();
        else if (step === 'leave' || step === 'join') {
          told.takesPart = step === 'join';
          managed.reconsider();
        } else {
          last = typeof step === 'string' ? undefined : connector(step.target, step.text, step.id, step.at);
          managed.follow(last);
        }
      }
      await managed.settled();
      assert.equal(managed.isChanging, false);
      const runs = last && last.target !== 'STOPPED' && told.takesPart ? last : undefined;
      assert.deepEqual(
        running().map(({ text, state }) => [text, state]),
        runs ? [[runs.config['text'], runs.target === 'PAUSED' ? 'PAUSED' : 'RUNNING']] : [],
      );
      assert.equal(managed.isGone, last === undefined);
      await managed.stop();
      assert.deepEqual(running(), []);
    }),
  );
});

test('a restart is one, and once', async () => {
  const { managed, hosts } = setUp(connector());
  await managed.settled();
  for (const stored of [connector('STARTED', 'a', '1', 5), connector('STARTED', 'a', '1', 5)]) managed.follow(stored);
  await managed.settled();
  assert.deepEqual([hosts.length, hosts[0]?.restarts], [1, 1]);
  const onlyFailed = { includeTasks: true, onlyFailed: true, number: 6 };
  managed.follow({ ...connector(), restart: onlyFailed });
  await managed.settled();
  assert.equal(hosts[0]?.restarts, 1, 'it has not failed');
});

test('what can not be started is tried again by itself, and tells why until then', async () => {
  const trouble = {
    'a log that is away': [{ trouble: logErrors.LOG_UNAVAILABLE('away') }, 'RESTARTING', /away/],
    'a file that is missing': [{ isMissing: true }, 'FAILED', /missing/],
  } as const;
  for (const [what, [wrong, state, reason]] of Object.entries(trouble)) {
    const { managed, running, told, clock } = setUp(connector('STOPPED'));
    Object.assign(told, wrong);
    managed.follow(connector());
    await managed.settled();
    const snapshot = await managed.snapshot();
    assert.equal(snapshot.state, state, what);
    assert.match(snapshot.lastError?.message ?? '', reason);
    Object.assign(told, { trouble: undefined, isMissing: false });
    await until('it runs', () => {
      clock.advance(1_000);
      return running().length === 1;
    });
    assert.equal((await managed.snapshot()).state, 'RUNNING', what);
    await managed.stop();
  }
});

test('one that was stopped or deleted meanwhile is not tried again', async () => {
  for (const next of [connector('STOPPED'), undefined]) {
    const { managed, hosts, told, clock } = setUp(connector('STOPPED'));
    told.isMissing = true;
    managed.follow(connector());
    await managed.settled();
    managed.follow(next);
    await managed.settled();
    told.isMissing = false;
    clock.advance(60_000);
    await setImmediate();
    await managed.settled();
    assert.deepEqual(hosts, []);
  }
});
