/** What a benchmark or a drill found: its line of JSON. Names are in snake_case, with their unit. */
export interface BenchResult {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  /** By figure or ratio: the least it may be, or for a `max_` name the most. */
  readonly targets: Readonly<Record<string, number>>;
  readonly ok: boolean;
}
