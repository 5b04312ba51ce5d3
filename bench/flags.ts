import { createRequire } from 'node:module';

/** The flags that bin/millrace gives to Node, by command: what is measured is what runs. */
export const { SERVER_FLAGS } = createRequire(import.meta.url)('../bin/find-node.cjs') as {
  SERVER_FLAGS: { readonly collect: readonly string[] };
};
