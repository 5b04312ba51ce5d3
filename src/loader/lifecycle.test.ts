import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ConnectorState, LifecycleEvent } from './lifecycle.ts';
import { nextState } from './lifecycle.ts';

const COMMANDS = ['start', 'pause', 'resume', 'restart', 'stop'] as const satisfies LifecycleEvent[];
const OUTCOMES = ['stumbled', 'retried', 'failed'] as const satisfies LifecycleEvent[];
const STATES = [
  'UNASSIGNED',
  'RUNNING',
  'PAUSED',
  'STOPPED',
  'FAILED',
  'RESTARTING',
] as const satisfies ConnectorState[];

const events = fc.array(fc.constantFrom(...COMMANDS, ...OUTCOMES), { maxLength: 50 });
const outcomes = fc.array(fc.constantFrom(...OUTCOMES), { maxLength: 50 });
const after = (state: ConnectorState, all: readonly LifecycleEvent[]) => all.reduce(nextState, state);

test('from everywhere a stop stops, and nothing but a command ends that', () => {
  fc.assert(
    fc.property(events, outcomes, (before, later) => {
      assert.equal(after('UNASSIGNED', [...before, 'stop', ...later]), 'STOPPED');
    }),
  );
});

test('a pause pauses all but what is stopped, and no run undoes it', () => {
  fc.assert(
    fc.property(events, outcomes, (before, later) => {
      const stopped = after('UNASSIGNED', before) === 'STOPPED';
      assert.equal(after('UNASSIGNED', [...before, 'pause', ...later]), stopped ? 'STOPPED' : 'PAUSED');
    }),
  );
});

test('what needs a person stays failed until one acts', () => {
  fc.assert(fc.property(outcomes, (later) => assert.equal(after('FAILED', later), 'FAILED')));
  assert.equal(nextState('FAILED', 'restart'), 'RESTARTING');
});

test('no command makes a connector fail, and none takes it back to its beginning', () => {
  for (const state of STATES) {
    for (const command of COMMANDS) {
      const next = nextState(state, command);
      assert.ok(next === state || (next !== 'FAILED' && next !== 'UNASSIGNED'), `${state} ${command}`);
    }
  }
});

test('a command given twice is the same as given once', () => {
  fc.assert(
    fc.property(events, fc.constantFrom(...COMMANDS), (before, command) => {
      const once = after('UNASSIGNED', [...before, command]);
      assert.equal(nextState(once, command), once);
    }),
  );
});

test('only a run that is to go on can stumble, and a stumble mends itself', () => {
  for (const state of STATES) {
    const next = nextState(state, 'stumbled');
    assert.equal(next, state === 'RUNNING' ? 'RESTARTING' : state);
  }
  assert.equal(after('RUNNING', ['stumbled', 'retried']), 'RUNNING');
});

test('every state can be left for a running connector by commands and the end of a wait', () => {
  const ways: Readonly<Record<ConnectorState, readonly LifecycleEvent[]>> = {
    UNASSIGNED: ['start'],
    RUNNING: [],
    PAUSED: ['resume'],
    STOPPED: ['resume'],
    FAILED: ['restart', 'retried'],
    RESTARTING: ['retried'],
  };
  for (const state of STATES) assert.equal(after(state, ways[state]), 'RUNNING', state);
});
