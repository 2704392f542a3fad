import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Runs V8's garbage collector, whole and at once. */
export const collectGarbage = runInNewContext('gc') as () => void;
