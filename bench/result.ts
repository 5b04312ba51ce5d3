/** What a benchmark or a drill found: its line of JSON. Names are in snake_case, with their unit. */
export interface BenchResult {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  /** By figure or ratio: the least it may be, or for a `max_` name the most. */
  readonly targets: Readonly<Record<string, number>>;
  readonly ok: boolean;
}

/** Whether each target is met: `NAME` by a value of that name that is not lower, `max_NAME` by NAME's value being not higher. */
export function meets(values: Readonly<Record<string, number>>, targets: Readonly<Record<string, number>>): boolean {
  return Object.entries(targets).every(([name, target]) => {
    const value = name.startsWith(MOST) ? values[name.slice(MOST.length)] : values[name];
    if (value === undefined) throw new Error(`the target ${name} has no figure`);
    return name.startsWith(MOST) ? value <= target : value >= target;
  });
}

/** What the name of a target begins with that is the most its figure may be. */
export const MOST = 'max_';
