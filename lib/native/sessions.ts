import type { NativeSession } from './boundary.ts';

const live = new Set<Pick<NativeSession, 'closeSync'>>();
let listening = false;

/**
 * Remembers a session until `untrackSession`, so that the process can be left at any moment: a compute thread still inside libtorch
 * while the process tears down its statics is a crash, and Node runs no native cleanup hook on `process.exit()` of the main thread.
 */
export function trackSession(session: Pick<NativeSession, 'closeSync'>): void {
  live.add(session);
  if (!listening) {
    listening = true;
    process.on('exit', closeAll);
  }
}

export function untrackSession(session: Pick<NativeSession, 'closeSync'>): void {
  live.delete(session);
}

function closeAll(): void {
  for (const session of live) {
    try {
      session.closeSync();
    } catch {
      // The process is ending; the other sessions still have to be closed.
    }
  }
  live.clear();
}
