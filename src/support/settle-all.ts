/** Waits for all to settle, and throws what the first of them failed with: nothing goes on behind a failure. */
export async function settleAll(settling: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(settling);
  await Promise.all(settling);
}
