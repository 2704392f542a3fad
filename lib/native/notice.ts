/** What set-up tells its caller while it works; the library itself prints nothing. */
export interface Notices {
  /** One line of news. */
  say(line: string): void;
  /** Bytes so far; `total` is undefined where the other side does not tell. */
  progress(done: number, total: number | undefined): void;
  /** A line from a tool (pip, CMake): for --verbose. */
  tool(line: string): void;
}

export const silent: Notices = { say: () => undefined, progress: () => undefined, tool: () => undefined };

export function formatBytes(bytes: number): string {
  return bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(1)} GB`
    : bytes >= 1e6
      ? `${Math.round(bytes / 1e6)} MB`
      : `${Math.ceil(bytes / 1e3)} kB`;
}
