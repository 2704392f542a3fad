/**
 * Turns of a loop that an idle compute thread spins before it sleeps. The OpenMP library's own default is 300,000: on a machine with other
 * work, and for the JavaScript thread where threads = cores, that is time taken from those who have something to do.
 */
const spins = '1000';

/**
 * Calls `load`, which loads the OpenMP library, with a short spin, unless the user has set how threads wait. The library reads its settings
 * once, from the process's own environment; nothing stays in it. A worker thread of Node has a copy of the environment: a library that is
 * loaded there first keeps its default.
 */
export function withShortSpins<T>(load: () => T): T {
  const { env } = process;
  if (env['OMP_WAIT_POLICY'] !== undefined || env['GOMP_SPINCOUNT'] !== undefined) return load();
  env['GOMP_SPINCOUNT'] = spins;
  try {
    return load();
  } finally {
    delete env['GOMP_SPINCOUNT'];
  }
}
