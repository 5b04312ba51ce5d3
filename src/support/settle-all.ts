/**
 * Waits for all to settle, and gives what they gave, or throws what the first of them failed with:
 * nothing goes on behind a failure.
 */
export async function settleAll<T>(settling: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(settling);
  return Promise.all(settling);
}
