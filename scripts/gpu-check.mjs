// Everything that only a GPU can show, in one command: `npm run gpu:check`. See docs/cuda.md.
import { runCheck } from './gpu-check/check.ts';

process.exitCode = await runCheck(process.argv.slice(2));
