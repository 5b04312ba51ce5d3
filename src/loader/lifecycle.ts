/** Where a connector is in its life, in Kafka Connect's words. */
export type ConnectorState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';

/** What happens to a connector: commands of an operator, and what became of its run. */
export type LifecycleEvent =
  | 'start'
  | 'pause'
  | 'resume'
  | 'restart'
  | 'stop'
  /** The run ended with an error that time may mend. */
  | 'stumbled'
  /** The wait after a stumble is over. */
  | 'retried'
  /** The run ended with an error that only a person can mend. */
  | 'failed';

/** The one table of what follows on what. An event that is not listed for a state changes nothing there. */
const TRANSITIONS: Readonly<Record<ConnectorState, Partial<Readonly<Record<LifecycleEvent, ConnectorState>>>>> = {
  UNASSIGNED: { start: 'RUNNING', pause: 'PAUSED', stop: 'STOPPED' },
  RUNNING: { pause: 'PAUSED', restart: 'RESTARTING', stop: 'STOPPED', stumbled: 'RESTARTING', failed: 'FAILED' },
  RESTARTING: { retried: 'RUNNING', restart: 'RESTARTING', pause: 'PAUSED', stop: 'STOPPED', failed: 'FAILED' },
  PAUSED: { resume: 'RUNNING', stop: 'STOPPED' },
  FAILED: { restart: 'RESTARTING', pause: 'PAUSED', stop: 'STOPPED' },
  STOPPED: { resume: 'RUNNING', restart: 'RESTARTING', start: 'RUNNING' },
};

export function nextState(state: ConnectorState, event: LifecycleEvent): ConnectorState {
  return TRANSITIONS[state][event] ?? state;
}

export function isConnectorState(text: unknown): text is ConnectorState {
  return typeof text === 'string' && Object.hasOwn(TRANSITIONS, text);
}
