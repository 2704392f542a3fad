// Compiles the TypeScript and builds the native addon, each only if something has changed. Silent when nothing is to do.
// Plain JavaScript, so that an old Node gets the message below instead of a syntax error.
import { compile } from './compile.mjs';

/** Returns false after printing what is wrong. */
export async function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    console.error(
      `lrdist needs Node 22.18 or newer; this is ${process.version}. \`npm ci\` brings a newer one for npm's own scripts: use npm start, npm test.`,
    );
    return false;
  }
  return compile() && (await native());
}

async function native() {
  const { setUp } = await import('../dist/native/setup.js');
  const { createNotices } = await import('../dist/cli/commands/setup.js');
  const output = { note: (text) => void process.stderr.write(`${text}\n`), stderr: process.stderr };
  try {
    await setUp({ notices: createNotices(output, { verbose: false, quiet: false }) });
    return true;
  } catch (error) {
    console.error(`lrdist: ${error.code === undefined ? error.stack : error.message}`);
    if (error.remedy !== undefined) console.error(error.remedy);
    return false;
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) process.exitCode = (await prepare()) ? 0 : 1;
