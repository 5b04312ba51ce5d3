import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import { requireProgram } from './target.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show what the running program took, delivered, refused and holds',
  async run({ output, loadValid }) {
    const program = await requireProgram(loadValid());
    const now = await program.status();
    if (output.json) {
      output.value(now);
      return EXIT.good;
    }
    const { accounting, collector } = now;
    const dropped = Object.entries(accounting.dropped).map(([cause, events]) => [`dropped (${cause})`, String(events)]);
    const rejected = Object.entries(collector?.rejectedEvents ?? {}).map(([code, events]) => [
      `rejected (${code})`,
      String(events),
    ]);
    const shed = Object.entries(collector?.shedRequests ?? {}).map(([cause, requests]) => [
      `requests shed (${cause})`,
      String(requests),
    ]);
    output.table(
      ['EVENTS', 'COUNT'],
      [
        ['accepted', String(accounting.accepted)],
        ['delivered to the log', String(accounting.delivered)],
        ['buffered', String(accounting.buffered)],
        ['spooled', String(accounting.spooled)],
        ['dead-lettered', String(accounting.deadLettered)],
        ...dropped,
        ...rejected,
        ...shed,
      ],
    );
    output.line();
    output.table(
      ['CONNECTOR', 'STATE', 'LAG'],
      now.connectors.map(({ name, state, lag }) => [name, state, String(lag)]),
    );
    return EXIT.good;
  },
};
