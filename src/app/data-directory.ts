import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { defineErrors, messageOf } from '../support/errors.ts';
import { makeDirectory } from '../support/make-directory.ts';

export const dataErrors = defineErrors({
  DATA_UNUSABLE: {
    decision: 'stop',
    help: 'Make the directory writable for this user, or set "data" to another one.',
  },
});

/** Makes the data directory if need be. Throws DATA_UNUSABLE unless it can be read and written. */
export function prepareDataDirectory(directory: string): void {
  try {
    makeDirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataErrors.DATA_UNUSABLE(`The data directory ${directory} can't be used: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

/** Where collector processes keep their books and spools. */
export function spoolRoot(dataDirectory: string): string {
  return path.join(path.resolve(dataDirectory), 'spool');
}
