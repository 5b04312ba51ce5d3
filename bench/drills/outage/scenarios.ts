/** How the log is taken away. */
export type Fault =
  /** SIGKILL of the only broker. */
  | 'killed'
  /** SIGSTOP: it takes connections and answers nothing. */
  | 'frozen'
  /** Bytes vanish on the way: connections look alive. */
  | 'half_open'
  /** Not there when the program starts. */
  | 'away_at_start'
  /** SIGKILL of one broker of three, which leads a partition. */
  | 'leader_killed';

export interface Scenario {
  /** What its figures' names begin with. */
  readonly name: string;
  readonly policy: 'steady' | 'durable';
  readonly acknowledge: 'received' | 'spooled' | 'delivered';
  readonly fault: Fault;
  readonly outageSeconds: number;
  /** SIGKILL of the collector, too, when half of the outage is over. */
  readonly killsCollector?: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'received', policy: 'steady', acknowledge: 'received', fault: 'killed', outageSeconds: 60 },
  { name: 'spooled', policy: 'durable', acknowledge: 'spooled', fault: 'killed', outageSeconds: 60 },
  { name: 'delivered', policy: 'durable', acknowledge: 'delivered', fault: 'killed', outageSeconds: 60 },
  { name: 'received_long', policy: 'steady', acknowledge: 'received', fault: 'killed', outageSeconds: 150 },
  {
    name: 'received_crash',
    policy: 'steady',
    acknowledge: 'received',
    fault: 'killed',
    outageSeconds: 30,
    killsCollector: true,
  },
  {
    name: 'spooled_crash',
    policy: 'durable',
    acknowledge: 'spooled',
    fault: 'killed',
    outageSeconds: 30,
    killsCollector: true,
  },
  { name: 'frozen', policy: 'durable', acknowledge: 'spooled', fault: 'frozen', outageSeconds: 30 },
  { name: 'half_open', policy: 'durable', acknowledge: 'spooled', fault: 'half_open', outageSeconds: 30 },
  { name: 'away_at_start', policy: 'durable', acknowledge: 'spooled', fault: 'away_at_start', outageSeconds: 30 },
  { name: 'leader', policy: 'durable', acknowledge: 'spooled', fault: 'leader_killed', outageSeconds: 20 },
  { name: 'leader_steady', policy: 'steady', acknowledge: 'received', fault: 'leader_killed', outageSeconds: 20 },
];

/** Whether events that were acknowledged may be missing in the end, by what was promised of them. */
export function mayLose({ policy, acknowledge, fault, killsCollector = false }: Scenario): boolean {
  // The buffer dies with the process; and what only the leader had, with acks=1, dies with the leader.
  return (acknowledge === 'received' && killsCollector) || (policy === 'steady' && fault === 'leader_killed');
}

/** Whether the collector takes events while the log is away. */
export function takesThroughout({ acknowledge, fault }: Scenario): boolean {
  return acknowledge !== 'delivered' || fault === 'leader_killed';
}
