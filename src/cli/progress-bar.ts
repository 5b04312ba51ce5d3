import type { Output } from './output.ts';

/** How often it is drawn, in milliseconds. */
const DRAW_MS = 100;
const BAR_CELLS = 30;

/** Draws on a terminal; nothing elsewhere. */
export function progressBar(output: Output, what: string): (done: number, all: number) => void {
  if (!output.isTerminal || output.json) return () => {};
  let drawn = 0;
  return (done, all) => {
    const now = performance.now();
    if (now - drawn < DRAW_MS && done < all) return;
    drawn = now;
    const filled = Math.round((BAR_CELLS * done) / Math.max(all, 1));
    output.progress(
      done < all ? `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${done} of ${all} ${what}` : '',
    );
  };
}
