/**
 * Gives the memory of bytes back that nobody reads any more; every view of it is empty from then on. Left to the garbage
 * collector it stands around until that has gone through the whole heap, which V8 does the more often the more memory
 * comes and goes outside of it. Bytes that share their memory with others are left alone.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (byteLength > 0 && byteLength === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}
